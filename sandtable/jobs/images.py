"""The images that the stack's pods run: made here, listed, pruned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from sandtable.errors import UsageError

if TYPE_CHECKING:
    from sandtable.document.answers.images import Images, Pruned
    from sandtable.terminal import Steps
    from stacks.environment import Environment
    from stacks.graph import Graph
    from stacks.rebuilt_images import RebuiltImage
    from toolchain.images import WantedImage


def build(names: Sequence[str], steps: Steps) -> Images:
    """Make the images ``names`` (none: all that can be made); those that are up to date are left alone.

    Raises:
        UsageError: a name is unknown, or that image cannot be made here.
        toolchain.ToolchainError: a layer or a tool cannot be made; the text has the end of its log.
    """
    chosen = _chosen(names)
    for each in chosen:
        if names and each.wanted is None:
            raise UsageError(f"{each.name} cannot be made here: {each.reason}")
    ensure([each.wanted for each in chosen if each.wanted], steps)
    return listed(names)


def ensure(wanted: Iterable[WantedImage], steps: Steps) -> None:
    """Make those of ``wanted`` that are missing, with an estimate beforehand; silent if there are none.

    Raises:
        toolchain.ToolchainError: as :func:`build`.
    """
    from toolchain.images import ensure_images, plan_images
    from toolchain.installing.progress import duration

    wanted = list(wanted)
    if not (planned := plan_images(wanted)).steps:
        ensure_images(wanted)
        return
    steps.say(f"Making container images takes about {duration(planned.estimate_s)}, once. Ctrl-C is safe: finished parts are kept.")
    with steps.step("images") as step, steps.builds() as show:
        made = ensure_images(wanted, on_progress=show)
        step.note(f"{len(made)} ready")


def ensure_for(graph: Graph, environment: Environment, steps: Steps) -> None:
    """Make the images that the graph's pods run, where they run on a node of this machine; says which cannot be made.

    Raises:
        toolchain.ToolchainError: as :func:`build`.
    """
    from stacks.rebuilt_images import images_of, rebuilt_images

    if environment.cluster.provider != "node":
        return
    named = images_of(graph)
    used = [each for each in rebuilt_images().values() if each.reference in named]
    for each in used:
        if each.reason:
            steps.say(f"{each.reference} cannot be made here, so its pods do not start: {each.reason}")
    ensure([each.wanted for each in used if each.wanted], steps)


def listed(names: Sequence[str] = ()) -> Images:
    """Return what this machine has of the images ``names`` (none: all), changing nothing.

    Raises:
        UsageError: a name is unknown.
    """
    import toolchain
    from sandtable.document.answers.images import ImageRow, Images
    from toolchain.images import find, store

    resolver = toolchain.Resolver()
    rows = []
    for each in _chosen(names):
        found = find(each.wanted, resolver) if each.wanted else None
        rows.append(
            ImageRow(
                name=each.name,
                reference=each.reference,
                state="made" if found else "missing" if each.wanted else "unavailable",
                version=each.version,
                differs=each.differs,
                reason=each.reason,
                digest=found.digest if found else None,
                size_bytes=found.size if found else None,
                unpacked_bytes=found.unpacked if found else None,
            )
        )
    return Images(images=tuple(rows), stored_bytes=store(resolver.cache.root).size())


def prune() -> Pruned:
    """Remove the images and layers that the stack no longer names, or that were made from what has changed since.

    Raises:
        toolchain.CacheError: the cache cannot be written.
    """
    import toolchain
    from sandtable.document.answers.images import Pruned
    from stacks.clusters.node import PAUSE
    from toolchain.cache import explained
    from toolchain.images import find, locked, store

    resolver = toolchain.Resolver()
    wanted = [PAUSE, *(each.wanted for each in _chosen(()) if each.wanted)]
    kept = [image.reference for image in wanted if find(image, resolver)]
    images = store(resolver.cache.root)
    with locked(resolver.cache, lambda _event: None), explained(images.root):
        return Pruned(freed_bytes=images.prune(kept), kept=tuple(kept))


def _chosen(names: Sequence[str]) -> list[RebuiltImage]:
    from stacks.rebuilt_images import rebuilt_images

    known = rebuilt_images()
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            raise UsageError(f"there is no image {name!r}; {f'did you mean {near[0]!r}? ' if near else ''}Known: {', '.join(known)}")
    return [each for name, each in known.items() if not names or name in names]
