"""A sweep in this process, one item after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simulations.sweeps.port import Answer, Item


class Here:
    """Needs nothing and starts nothing."""

    def map(self, run: Callable[[Item], Answer], items: Sequence[Item]) -> list[Answer]:
        """Return ``run`` of each item."""
        return [run(item) for item in items]
