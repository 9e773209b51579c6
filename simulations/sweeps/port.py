"""What runs a sweep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Sweep(Protocol):
    """Runs a function on many items that do not depend on each other.

    The function is one of a module, and items and answers are values that can be pickled, because they may go to another process or
    machine. The answers come in the order of the items, so that nothing depends on who was faster.
    """

    def map(self, run: Callable[[Item], Answer], items: Sequence[Item]) -> list[Answer]:
        """Return ``run`` of each item; what it raises for one of them is raised here."""
