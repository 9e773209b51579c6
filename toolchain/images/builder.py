"""Makes images: finds the layers that are there, makes the others two at a time, and puts images together.

Rule 1: the key of a layer is a digest of all that it is made from, so the same input is never made twice, and images share layers.
Rule 2: who makes or removes images holds the store's lock; a second command waits.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from toolchain.cache import Cache, digest_of, explained
from toolchain.catalogue import platform
from toolchain.environments.group import ROOT
from toolchain.errors import CatalogueError
from toolchain.finding.resolver import Resolver, Search
from toolchain.images.documents import config, digest, manifest
from toolchain.images.layer import Layer
from toolchain.images.recipe import PYTHON, SUITE, Recipe, WantedImage
from toolchain.images.store import Image, Store
from toolchain.images.work import LayerWork
from toolchain.installing.installer import InstallPlan, InstallStep, ensure, plan
from toolchain.installing.progress import BuildProgress, Listener
from toolchain.installing.recipes import go_environment, own_go_caches
from toolchain.installing.runner import run

#: Raised when layers are written differently: whatever was made before is then made again.
_FORMAT: Final = 1
_POLL_S: Final = 0.2
#: Seconds that a layer takes on two idle cores: fetching and unpacking Debian packages, wheels, packing files.
_EXPECTED_S: Final = {"debian": 45.0, "wheels": 25.0, "files": 3.0}


@dataclass(frozen=True)
class Order:
    """One layer to be made."""

    title: str
    key: str
    document: Mapping[str, Any]


def store(cache: Path) -> Store:
    """Return the images of the cache in the folder ``cache``."""
    return Store(cache / "images")


def find(wanted: WantedImage, resolver: Resolver | None = None) -> Image | None:
    """Return the image if it is here and was made from what the recipe says now; None otherwise.

    Raises:
        UnknownToolError, CatalogueError: the recipe is wrong.
    """
    resolver = resolver or Resolver()
    image = store(resolver.cache.root).image(wanted.reference)
    if image is None:
        return None
    return image if image.key == _key(wanted.recipe, _orders(wanted, resolver)) else None


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
    orders = [order for order in _distinct(missing, resolver) if made.layer(order.key) is None]
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
        orders = [order for order in _distinct(wanted, resolver) if made.layer(order.key) is None]
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
            return {image.reference: _assembled(image, resolver, made) for image in wanted}


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


def _assembled(wanted: WantedImage, resolver: Resolver, made: Store) -> Image:
    orders = _orders(wanted, resolver)
    layers: list[Layer] = []
    packages: dict[str, str] = {}
    for order in orders:
        found = made.layer(order.key)
        assert found is not None
        layers.append(found.layer)
        packages |= found.packages
    configuration = config(wanted.recipe, layers)
    document = manifest(configuration, layers)
    image = Image(
        reference=wanted.reference,
        key=_key(wanted.recipe, orders),
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


def _distinct(wanted: Iterable[WantedImage], resolver: Resolver) -> list[Order]:
    return list({order.key: order for image in wanted for order in _orders(image, resolver)}.values())


def _orders(wanted: WantedImage, resolver: Resolver) -> list[Order]:
    """Return the layers of an image, the lowest first. A tool that is not here yet makes a key that no layer has."""
    recipe, name = wanted.recipe, wanted.repository.rpartition("/")[2]
    orders = []
    python = ""
    if recipe.packages:
        packages = sorted(set(recipe.packages))
        order = _order(
            f"debian ({', '.join(packages[:3])}…)" if len(packages) > 3 else f"debian ({', '.join(packages)})",
            {
                "kind": "debian",
                "suite": SUITE,
                "packages": packages,
            },
        )
        orders.append(order)
        python = order.key if recipe.has_python else ""
    if recipe.requirements:
        constraints = ROOT / "constraints.txt"
        document = {"kind": "wheels", "for": PYTHON, "requirements": sorted(set(recipe.requirements)), "python": python}
        orders.append(_order(f"wheels of {name}", document | {"constraints": str(constraints)}, constraints=_digest(constraints)))
    if recipe.tools:
        found = {_below_usr(path, recipe): resolver.search(tool) for path, tool in recipe.tools.items()}
        files = {path: str(search.tool.path) for path, search in found.items() if search.tool}
        sums = {path: _sum_of(search) for path, search in found.items()}
        orders.append(_order(f"programs of {name}", _files(files), files=sums))
    users = {"root": 0, "nobody": 65534, **recipe.users}
    texts = {
        "/etc/passwd": "".join(f"{user}:x:{number}:{number}::/:/usr/sbin/nologin\n" for user, number in users.items()),
        "/etc/group": "".join(f"{user}:x:{number}:\n" for user, number in users.items()),
        **{_below_usr(path, recipe): text for path, text in recipe.texts.items()},
    }
    files = {_below_usr(path, recipe): str(wanted.root / source) for path, source in recipe.files.items()}
    links = {_below_usr(path, recipe): target for path, target in recipe.links.items()}
    modules, versions = _modules(recipe, resolver)
    folders = {"/tmp": 0, **recipe.folders}  # noqa: S108  # in the image
    document = _files(files, texts=texts, links=links, folders=folders, modules=modules, python=python)
    orders.append(
        _order(f"files of {name}", document, files={path: _digest(Path(source)) for path, source in files.items()}, modules=versions)
    )
    return orders


def _files(
    files: Mapping[str, str],
    *,
    texts: Mapping[str, str] | None = None,
    links: Mapping[str, str] | None = None,
    folders: Mapping[str, int] | None = None,
    modules: Mapping[str, Any] | None = None,
    python: str = "",
) -> dict[str, Any]:
    found = {"files": files, "texts": texts or {}, "links": links or {}, "folders": folders or {}, "modules": modules or {}}
    return {"kind": "files", "python": python, **found}


def _modules(recipe: Recipe, resolver: Resolver) -> tuple[dict[str, Any], dict[str, str]]:
    """Return how Go tells the folders of ``recipe.modules``, and what stands for them in a key."""
    found: dict[str, Any] = {}
    versions: dict[str, str] = {}
    for path, named in recipe.modules.items():
        tool, _, folder = named.partition(": ")
        entry = resolver.catalogue[tool]
        if entry.build is None or resolver.go is None:
            raise CatalogueError(f"an image wants {named!r}: {tool} is not built from a Go module here")
        environment = go_environment({}, own_go_caches(resolver.environ, resolver.cache.root))
        asking = [str(resolver.go.path), "list", "-C", str(resolver.catalogue.modules / entry.build.folder)]
        found[path] = {"command": [*asking, "-f", "{{.Module.Dir}}", entry.build.package], "environment": environment, "folder": folder}
        versions[path] = f"{resolver.key(entry)} {folder}"
    return found, versions


def _order(title: str, document: Mapping[str, Any], **instead: Any) -> Order:
    """Return the order of a layer; in its key, paths of this machine are replaced by digests of what lies there."""
    said = {key: value for key, value in {**document, **instead, "format": _FORMAT, "platform": platform()}.items() if value}
    key = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:24]
    return Order(title, key, document)


def _key(recipe: Recipe, orders: Sequence[Order]) -> str:
    said = [recipe.model_dump(mode="json", exclude_defaults=True), [order.key for order in orders]]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:24]


def _below_usr(path: str, recipe: Recipe) -> str:
    """Return the path without Debian's links from / to /usr, which a folder of a higher layer would hide."""
    merged = path.startswith(("/bin/", "/sbin/", "/lib/", "/lib64/"))
    return f"/usr{path}" if merged and recipe.packages else path


def _sum_of(search: Search) -> str:
    if search.installed is not None:
        return search.installed.receipt.sha256
    return digest_of(search.tool.path) if search.tool else ""


def _digest(path: Path) -> str:
    """Return a digest of a file, or of a folder with all that is in it.

    Raises:
        CatalogueError: it does not exist.
    """
    if not path.exists():
        raise CatalogueError(f"{path}: does not exist, and an image is to contain it")
    files = sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts) if path.is_dir() else [path]
    said = "".join(f"{file.relative_to(path)}\0{digest_of(file)}\0{file.stat().st_mode & 0o100}\0" for file in files)
    return hashlib.sha256(said.encode()).hexdigest()
