"""Independent replications until the answer is precise enough.

Rule 1: a sequential procedure stops too early where the first few values happen to agree, so there is a least number of replications (Law,
Simulation Modeling and Analysis, section 9.4.1).
Rule 2: the precision is relative, the half-width of the 95 % interval as a share of the mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from simulations.statistics.intervals import Interval, interval

#: The least number of replications.
FEWEST: Final = 5


def replicate(run: Callable[[int], Sequence[float]], *, precision: float, fewest: int = FEWEST, most: int = 1000) -> list[Interval]:
    """Run replications 0, 1, 2 … until every half-width is at most ``precision`` of its mean, or ``most`` have run.

    Args:
        run: returns the values of the replication with this number, the same figures each time. It must choose its random streams.
        precision: half-width as a share of the mean, for instance 0.02.
        fewest: the least number of replications, at least 2.
        most: the cap; the intervals that are returned then may be wider.

    Raises:
        ValueError: ``fewest`` is below 2 or above ``most``.
    """
    if not 2 <= fewest <= most:
        raise ValueError(f"replications from {fewest} to {most}: an interval needs at least 2, and the cap cannot be lower")
    rows: list[Sequence[float]] = []
    while True:
        rows.append(run(len(rows)))
        if len(rows) < fewest:
            continue
        found = [interval(values) for values in zip(*rows, strict=True)]
        if len(rows) == most or all(figure.precise(precision) for figure in found):
            return found
