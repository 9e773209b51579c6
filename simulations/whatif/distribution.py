"""The predicted distribution of a latency: its quantiles, each with the interval that the replications leave open.

Rule 1: as everywhere in a what-if, a figure is the mean over the replications with its 95 % interval: how well the mean is known. How far
the same traffic on another day may be off, with other arrivals and engines that are faster or slower, is a band (``doubts.py``).
Rule 2: a quantile is not given where fewer than :data:`BEYOND` requests of a replication lie beyond it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from foundation.measures.outcome import Status
from simulations.bands import LATENCIES
from simulations.statistics import interval

if TYPE_CHECKING:
    from foundation.measures.outcome import RequestRecord
    from simulations.statistics import Interval

#: Shares of the requests that are at least as fast.
LEVELS: Final = (0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995)
BEYOND: Final = 3


def distributions(runs: Sequence[Sequence[RequestRecord]]) -> dict[str, dict[float, Interval]]:
    """Return the quantiles of each latency by level, over the good requests of each of ``runs``; none where a run has too few of them."""
    good = [latencies(run) for run in runs]
    return {name: _quantiles([run[name] for run in good]) for name in LATENCIES}


def latencies(run: Sequence[RequestRecord]) -> dict[str, list[float]]:
    """Return each latency of the good requests of ``run``, in ms."""
    good = [record for record in run if record.status is Status.OK]
    return {name: [value for record in good if (value := getattr(record, name)) is not None] for name in LATENCIES}


def _quantiles(samples: Sequence[Sequence[float]]) -> dict[float, Interval]:
    fewest = min(map(len, samples), default=0)
    levels = [level for level in LEVELS if fewest * min(level, 1 - level) >= BEYOND]
    if not levels:
        return {}
    found = np.array([np.quantile(np.asarray(values), levels) for values in samples])
    return {level: interval([float(value) for value in column]) for level, column in zip(levels, found.T, strict=True)}
