"""The predicted distribution of a latency: its quantiles, each with the interval that the replications leave open.

Rule 1: as everywhere in a what-if, a figure is the mean over the replications with its 95 % interval. That is the noise of arrivals; how
far the engine's speed may be off is not in it.
Rule 2: a quantile is not given where fewer than :data:`BEYOND` requests of a replication lie beyond it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from foundation.measures.outcome import Status
from simulations.statistics import interval

if TYPE_CHECKING:
    from foundation.measures.outcome import RequestRecord
    from simulations.statistics import Interval

#: Shares of the requests that are at least as fast.
LEVELS: Final = (0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995)
BEYOND: Final = 3
_LATENCIES: Final = ("ttft_ms", "tpot_ms", "e2e_ms")


def distributions(runs: Sequence[Sequence[RequestRecord]]) -> dict[str, dict[float, Interval]]:
    """Return the quantiles of each latency by level, over the good requests of each of ``runs``; none where a run has too few of them."""
    good = [[record for record in run if record.status is Status.OK] for run in runs]
    return {name: _quantiles([[v for record in run if (v := getattr(record, name)) is not None] for run in good]) for name in _LATENCIES}


def _quantiles(samples: Sequence[Sequence[float]]) -> dict[float, Interval]:
    fewest = min(map(len, samples), default=0)
    levels = [level for level in LEVELS if fewest * min(level, 1 - level) >= BEYOND]
    if not levels:
        return {}
    found = np.array([np.quantile(np.asarray(values), levels) for values in samples])
    return {level: interval([float(value) for value in column]) for level, column in zip(levels, found.T, strict=True)}
