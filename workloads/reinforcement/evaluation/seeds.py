"""One number for several seeds: the median and the share that solved it; the best seed alone says nothing (Henderson et al. 2018)."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

LEAST_SEEDS: Final = 5


@dataclass(frozen=True)
class Scores:
    """One score a seed, and the score from which a seed counts as solved."""

    values: tuple[float, ...]
    solved_from: float

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    @property
    def solved(self) -> int:
        """How many seeds reached it."""
        return sum(value >= self.solved_from for value in self.values)

    def __str__(self) -> str:
        """Return the sentence for a table; fewer than five seeds are said to be few."""
        few = "" if len(self.values) >= LEAST_SEEDS else f", fewer than {LEAST_SEEDS} seeds"
        return (
            f"median {self.median:.4g}, {min(self.values):.4g} to {max(self.values):.4g}, {self.solved} of {len(self.values)} solved{few}"
        )


def scores(values: Sequence[float], solved_from: float) -> Scores:
    """Return the scores of at least one seed."""
    return Scores(tuple(values), solved_from)
