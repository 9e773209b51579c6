"""What an image is made of, without a registry: Debian packages, wheels, tools of the catalogue, files of the project.

Rule 1: a recipe is data; ``builder.py`` makes the image. Paths in the image are absolute.
Rule 2: with a ``containerfile`` it is what that file says, and further entries add to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError

from toolchain.catalogue import Entry
from toolchain.errors import CatalogueError

#: The release of Debian that packages come from, and its Python.
SUITE: Final = "trixie"
PYTHON: Final = "3.13"
#: Python, and the libraries of C++ and OpenMP, which wheels are linked with and do not bring.
PYTHON_PACKAGES: Final = ("base-files", "ca-certificates", "libgomp1", "libstdc++6", "netbase", "python3", "tzdata")

AbsolutePath = Annotated[str, Field(pattern=r"^/")]


class Recipe(Entry):
    """One image; everything is optional, and an empty recipe is an image without any file."""

    packages: tuple[str, ...] = ()
    """Debian packages; what they depend on comes with them. Their maintainer scripts are not run."""
    requirements: tuple[str, ...] = ()
    """Python packages, as wheels."""
    constraints: str = "constraints.txt"
    """File of the project with their versions, and those of what they need; empty: all stand in ``requirements``."""
    tools: Mapping[AbsolutePath, str] = {}
    """Tools of the catalogue."""
    files: Mapping[AbsolutePath, str] = {}
    """Files and folders of the project; with a leading slash, of this machine."""
    modules: Mapping[AbsolutePath, str] = {}
    """Folders of the Go modules that tools are built from, as ``tool: folder``."""
    package: str = ""
    """File of the project that makes the image a package of Crossplane's; it gets a layer of its own."""
    texts: Mapping[AbsolutePath, str] = {}
    """Short programs, with their text."""
    links: Mapping[AbsolutePath, str] = {}
    """Symbolic links with their targets."""
    folders: Mapping[AbsolutePath, int] = {}
    """Empty folders with the user that owns them."""
    users: Mapping[str, int] = {}
    """Names of users besides root and nobody; each has a group of its own name and number."""
    user: int = 65532
    """Who runs the container unless the pod says otherwise; default: somebody without a name."""
    environment: Mapping[str, str] = {}
    workdir: AbsolutePath = "/"
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()

    @property
    def has_python(self) -> bool:
        """Whether Debian's Python is in it."""
        return "python3" in self.packages


@dataclass(frozen=True)
class WantedImage:
    """An image to be made."""

    reference: str
    """``registry/repository:tag``."""
    recipe: Recipe
    root: Path
    """Folder that the recipe's files are relative to."""

    @property
    def repository(self) -> str:
        """The reference without the registry, as registries spell it."""
        return self.reference.partition("/")[2].rpartition(":")[0]

    @property
    def tag(self) -> str:
        """The last part of the reference."""
        return self.reference.rpartition(":")[2]


def read_recipe(place: str, table: Mapping[str, Any], root: Path) -> Recipe:
    """Return the recipe of a TOML table, and of the Containerfile that it names.

    Args:
        place: where the table is, for error messages.
        table: the keys are those of :class:`Recipe`, and ``containerfile``.
        root: folder that paths are relative to.

    Raises:
        CatalogueError: a key or a value is wrong, or the Containerfile has something that cannot be made without a registry.
    """
    from toolchain.images.containerfile import read

    table = dict(table)
    said: dict[str, Any] = read(root / table.pop("containerfile")) if "containerfile" in table else {}
    for key, value in table.items():
        said[key] = [*said[key], *value] if key in ("packages", "requirements") and key in said else value
    try:
        return Recipe(**said)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors())
        raise CatalogueError(f"{place}: {problems}; known keys: containerfile, {', '.join(Recipe.model_fields)}") from error
