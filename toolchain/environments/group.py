"""Dependency groups of pyproject.toml (PEP 735) that an environment can be built from.

``[dependency-groups]`` lists the requirements of a group, ``[tool.sandtable.environments.<group>]`` states its purpose and build time, and
constraints.txt pins the versions.
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
    """Requirements in pip's syntax, including those of included groups, sorted."""
    seconds: float
    """Measured time to build it with an empty pip cache."""
    packages: int
    """Number of distributions, for progress reports."""
    on_demand: bool
    """Whether it is too large to be created before something needs it."""
    constraints: Path
    """File that pins the versions."""

    def pins(self) -> dict[str, set[str]]:
        """Return the versions of each distribution, by normalised name; more than one if they differ between Python versions."""
        return read_pins(self.constraints)


def read_groups(root: Path = ROOT) -> dict[str, Group]:
    """Return the groups of the project in ``root`` by name.

    Raises:
        CatalogueError: a file is missing, or its description of a group is incomplete.
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
                on_demand=bool(said.get("on_demand", False)),
                constraints=root / "constraints.txt",
            )
            for name, said in wanted.items()
        }
    except OSError as error:
        raise CatalogueError(f"{path}: cannot be read: {error.strerror}; environments need a checkout of the project") from error
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise CatalogueError(f"{path}: an environment's group or one of its settings is missing or wrong: {error}") from error


def read_pins(constraints: Path) -> dict[str, set[str]]:
    """Return the versions that a file of constraints pins, by normalised name; more than one if they differ between Python versions."""
    found: dict[str, set[str]] = {}
    for name, version in _PIN.findall(constraints.read_text(encoding="utf-8")):
        found.setdefault(normalised(name), set()).add(version)
    return found


def normalised(name: str) -> str:
    """Return the normalised name of a distribution (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _requirements(name: str, known: dict[str, list[Any]]) -> list[str]:
    found: list[str] = []
    for entry in known[name]:
        found += _requirements(entry["include-group"], known) if isinstance(entry, dict) else [entry]
    return found
