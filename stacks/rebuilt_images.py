"""How the images of ``images.toml`` are made on this machine, and why some cannot be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import toolchain
from stacks.components.images import CATALOGUE, catalogue, image
from stacks.errors import ConfigurationError
from stacks.graph import Graph
from toolchain.images import WantedImage, read_recipe, store

_ROOT: Final = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class RebuiltImage:
    """One image of the catalogue."""

    name: str
    reference: str
    wanted: WantedImage | None
    """None: it cannot be made here."""
    version: str
    """The version that comes out; empty if none does."""
    reason: str
    """Why it cannot be made; empty if it can."""

    @property
    def differs(self) -> bool:
        """Whether the version is not the one that the stack pins."""
        return bool(self.wanted) and self.version != _pinned(self.reference)


def rebuilt_images() -> dict[str, RebuiltImage]:
    """Return all images of the catalogue by name, in its order.

    Raises:
        ConfigurationError: an image that is to be made is named by its digest, or two have the same repository and tag.
        toolchain.CatalogueError: a recipe is wrong.
    """
    found = {name: _rebuilt(name) for name in catalogue().entries}
    served: dict[tuple[str, str], str] = {}
    for each in found.values():
        if each.wanted:
            # A mirror is asked without the registry's name.
            other = served.setdefault((each.wanted.repository, each.wanted.tag), each.name)
            if other != each.name:
                raise ConfigurationError(
                    f"{CATALOGUE}: [{each.name}] and [{other}] differ in their registry alone; one mirror cannot serve both"
                )
    return found


def builds() -> dict[str, str]:
    """Return the digest of each image of the catalogue that this machine has made, by its reference."""
    made = store(toolchain.cache_dir())
    found = {each.reference: made.image(each.reference) for each in rebuilt_images().values() if each.wanted}
    return {reference: image.digest for reference, image in found.items() if image}


def images_of(graph: Graph) -> set[str]:
    """Return the references of all images that the graph's pods run, init containers and Crossplane's functions included."""
    found = {str(resource.spec["package"]) for resource in graph.objects("Function") if "package" in resource.spec}
    for resource in graph.objects():
        for kind in ("containers", "initContainers"):
            found |= {str(container["image"]) for container in resource.pod_spec.get(kind) or () if "image" in container}
    return found


def _rebuilt(name: str) -> RebuiltImage:
    entry, reference = catalogue().entries[name], image(name)
    if reason := entry.get("unavailable"):
        return RebuiltImage(name, reference, None, "", reason)
    if "rebuild" not in entry:
        return RebuiltImage(name, reference, None, "", f"{CATALOGUE.name} does not say how")
    if "digest" in entry:
        raise ConfigurationError(f"{CATALOGUE}: [{name}]: a `digest` names exactly one build; an image that is made here needs a `tag`")
    table = dict(entry["rebuild"])
    version = str(table.pop("version", ""))
    recipe = read_recipe(f"{CATALOGUE}: [{name}.rebuild]", table, _ROOT)
    program = next((toolchain.bundled()[tool].version for tool in recipe.tools.values()), None)
    return RebuiltImage(name, reference, WantedImage(reference, recipe, _ROOT), version or program or _pinned(reference), "")


def _pinned(reference: str) -> str:
    return reference.rpartition(":")[2].removeprefix("v")
