"""Mistakes in an environment, each with its place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Slip:
    """A mistake: what is wrong at ``path`` with ``value``. ``allowed``: the valid values, if they can be listed."""

    path: Path
    value: Any
    text: str
    allowed: tuple[str, ...] = ()


class InconsistentError(ValueError):
    """Fields of an environment contradict each other; contains every slip."""

    def __init__(self, slips: Sequence[Slip]) -> None:
        self.slips = tuple(slips)
        super().__init__("; ".join(f"{'.'.join(map(str, slip.path))} = {slip.value!r}: {slip.text}" for slip in slips))


def missing(path: Path, name: str, known: Iterable[str]) -> Slip:
    """Return the mistake of a name that refers to nothing."""
    return Slip(path, name, f"{name!r} does not exist; there is {', '.join(known)}", tuple(known))


def shown(path: Sequence[str | int]) -> str:
    """Return a path as messages show it: ``node_pools[1].name``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
