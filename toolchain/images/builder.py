"""Makes images: finds the layers that are there, makes the others two at a time, and puts images together.

Rule: who makes or removes images holds the store's lock; a second command waits.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from toolchain.cache import Cache, explained
from toolchain.finding.resolver import Resolver
from toolchain.images.documents import config, digest, manifest
from toolchain.images.layer import Layer
from toolchain.images.orders import Order, key_of, orders_of
from toolchain.images.recipe import WantedImage
from toolchain.images.store import Image, Store, store
from toolchain.images.work import LayerWork
from toolchain.installing.installer import InstallPlan, InstallStep, ensure, plan
from toolchain.installing.progress import BuildProgress, Listener
from toolchain.installing.runner import run

_POLL_S: Final = 0.2
#: Seconds that a layer takes on two idle cores: fetching and unpacking Debian packages, wheels, packing files.
_EXPECTED_S: Final = {"debian": 45.0, "wheels": 25.0, "files": 3.0}


def find(wanted: WantedImage, resolver: Resolver | None = None) -> Image | None:
    """Return the image if it is here and was made from what the recipe says now; None otherwise.

    Raises:
        UnknownToolError, CatalogueError: the recipe is wrong.
    """
    resolver = resolver or Resolver()
    image = store(resolver.cache.root).image(wanted.reference)
    if image is None:
        return None
    return image if image.key == key_of(wanted.recipe, orders_of(wanted, resolver)) else None


def plan_images(wanted: Iterable[WantedImage], resolver: Resolver | None = None) -> InstallPlan:
    """Return what :func:`ensure_images` would make for ``wanted``, tools included, without changing anything.

    Raises:
        ToolMissingError: a tool is missing and cannot be installed by us.
        UnknownToolError, CatalogueError: a recipe is wrong.
    """
    resolver = resolver or Resolver()
    missing = [image for image in wanted if find(image, resolver) is None]
    steps = list(plan(_tools(missing), resolver).steps)
    made = store(resolver.cache.root)
    orders = [order for order in _distinct(orders_of(image, resolver) for image in missing) if made.layer(order.key) is None]
    steps += [InstallStep((order.title,), "build", _EXPECTED_S[order.document["kind"]], 0) for order in orders]
    return InstallPlan(tuple(steps))


def ensure_images(
    wanted: Sequence[WantedImage], *, on_progress: Listener | None = None, resolver: Resolver | None = None
) -> dict[str, Image]:
    """Return the images by their references; missing ones are made first, with the tools that they contain.

    Raises:
        ToolMissingError: a tool is missing and cannot be installed by us; nothing was made.
        InstallFailedError: a layer or a tool could not be made; the log is kept, and so is what was finished.
        CacheError: the cache cannot be written.
        UnknownToolError, CatalogueError: a recipe is wrong.
    """
    resolver = resolver or Resolver()
    listener: Listener = on_progress or (lambda _event: None)
    found = {image.reference: here for image in wanted if (here := find(image, resolver))}
    if len(found) == len({image.reference for image in wanted}):
        return found
    ensure(_tools(wanted), on_progress=listener, resolver=resolver)
    with locked(resolver.cache, listener):
        made = store(resolver.cache.root)
        # Once: somebody may be editing the sources meanwhile.
        ordered = {image.reference: orders_of(image, resolver) for image in wanted}
        orders = [order for order in _distinct(ordered.values()) if made.layer(order.key) is None]
        # The Python of a Debian layer compiles what lies above it.
        for first in (True, False):
            works = [
                LayerWork(order.title, order.key, order.document, _EXPECTED_S[order.document["kind"]], made)
                for order in orders
                if (order.document["kind"] == "debian") == first
            ]
            for work in works:
                listener(BuildProgress(work.title, "planned", 0.0, work.estimate_s, 0.0))
            run(works, resolver.cache, listener)
        with explained(made.root):
            return {image.reference: _assembled(image, ordered[image.reference], made) for image in wanted}


@contextmanager
def locked(cache: Cache, listener: Listener) -> Iterator[None]:
    """Hold the store's lock; waits for another command that has it.

    Raises:
        CacheError: the lock cannot be written.
    """
    lock = cache.lock("images")
    started = time.monotonic()
    while not lock.try_acquire():
        listener(BuildProgress("images", "waiting", time.monotonic() - started, 0.0, 0.0))
        time.sleep(_POLL_S)
    try:
        yield
    finally:
        lock.release()


def _assembled(wanted: WantedImage, orders: Sequence[Order], made: Store) -> Image:
    layers: list[Layer] = []
    annotations: list[Mapping[str, str]] = []
    packages: dict[str, str] = {}
    for order in orders:
        found = made.layer(order.key)
        assert found is not None
        layers.append(found.layer)
        annotations.append(order.annotations)
        packages |= found.packages
    configuration = config(wanted.recipe, layers)
    document = manifest(configuration, layers, annotations)
    image = Image(
        reference=wanted.reference,
        key=key_of(wanted.recipe, orders),
        digest=digest(document),
        layers=tuple(order.key for order in orders),
        size=sum(layer.size for layer in layers),
        unpacked=sum(layer.unpacked for layer in layers),
        packages=packages,
    )
    made.add_image(image, document, configuration, digest(configuration))
    return image


def _tools(wanted: Iterable[WantedImage]) -> list[str]:
    wanted = list(wanted)
    bootstrap = ["mmdebstrap"] if any(image.recipe.packages for image in wanted) else []
    return [*bootstrap, *dict.fromkeys(name for image in wanted for name in image.recipe.tools.values())]


def _distinct(ordered: Iterable[Sequence[Order]]) -> list[Order]:
    return list({order.key: order for orders in ordered for order in orders}.values())
