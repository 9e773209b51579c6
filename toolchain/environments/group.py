"""Dependency groups of pyproject.toml (PEP 735) that an environment can be made from.

``[dependency-groups]`` says what a group holds, ``[tool.sandtable.environments.<group>]`` what it is for and how long making it takes, and
constraints.txt at which versions.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from toolchain.errors import CatalogueError

ROOT: Final = Path(__file__).resolve().parents[2]
_PIN: Final = re.compile(r"^([A-Za-z0-9][\w.-]*)==([^\s;]+)", re.MULTILINE)


@dataclass(frozen=True)
class Group:
    """One group."""

    name: str
    purpose: str
    requirements: tuple[str, ...]
    """As pip takes them, those of included groups among them, sorted."""
    seconds: float
    """To make it with an empty cache of pip's, measured."""
    packages: int
    """Distributions in it, for the progress."""
    constraints: Path
    """File that fixes versions."""

    def pins(self) -> dict[str, set[str]]:
        """Return the versions of each distribution, by normalised name; more than one where they differ between Pythons."""
        found: dict[str, set[str]] = {}
        for name, version in _PIN.findall(self.constraints.read_text(encoding="utf-8")):
            found.setdefault(normalised(name), set()).add(version)
        return found


def read_groups(root: Path = ROOT) -> dict[str, Group]:
    """Return the groups of the project in ``root`` by name.

    Raises:
        CatalogueError: a file is missing, or what it says of a group is not complete.
    """
    path = root / "pyproject.toml"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        known: dict[str, list[Any]] = document.get("dependency-groups", {})
        wanted: dict[str, dict[str, Any]] = document.get("tool", {}).get("sandtable", {}).get("environments", {})
        return {
            name: Group(
                name=name,
                purpose=said["purpose"],
                requirements=tuple(sorted(set(_requirements(name, known)))),
                seconds=float(said["seconds"]),
                packages=int(said["packages"]),
                constraints=root / "constraints.txt",
            )
            for name, said in wanted.items()
        }
    except OSError as error:
        raise CatalogueError(f"{path}: cannot be read: {error.strerror}; environments need a checkout of the project") from error
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise CatalogueError(f"{path}: an environment's group or one of its settings is missing or wrong: {error}") from error


def normalised(name: str) -> str:
    """Return the name of a distribution as it is compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _requirements(name: str, known: dict[str, list[Any]]) -> list[str]:
    found: list[str] = []
    for entry in known[name]:
        found += _requirements(entry["include-group"], known) if isinstance(entry, dict) else [entry]
    return found
