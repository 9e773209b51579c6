"""How far a predicted distribution may be off, level by level: the bands of :mod:`simulations.bands` around the mean of the replications.

Rule 1: the speed of the engines is varied in the first replication, arrivals are the replications themselves. A spot market's draws count
as arrivals.
Rule 2: a run that was stopped because its backlog only grew has no band: how late its requests are depends on when it was stopped.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from simulations.bands import Band, bands_of
from simulations.whatif.distribution import latencies

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from foundation.measures.outcome import RequestRecord
    from simulations.statistics import Interval
    from simulations.twin import Twin
    from simulations.whatif.trial import ScenarioRuns


def doubts(trial: ScenarioRuns, distributions: Mapping[str, Mapping[float, Interval]]) -> dict[str, dict[float, Band]]:
    """Return the 90 % band of each level in ``distributions``; none for one that the engines hardly move.

    Five more runs of the first replication.
    """
    if trial.overloads:
        return {}
    levels = [(latency, level) for latency, found in distributions.items() for level in found]
    draw = trial.with_outages(0)

    def measure(twin: Twin) -> dict[tuple[str, float], float]:
        return _at(levels, trial.played(twin, 0)[0].records)

    bands = bands_of(draw, measure, others=[_at(levels, run.records) for run in trial.runs])
    found: dict[str, dict[float, Band]] = {latency: {} for latency in distributions}
    for (latency, level), band in bands.items():
        scale = distributions[latency][level].mean / band.predicted
        found[latency][level] = replace(band, predicted=band.predicted * scale, low=band.low * scale, high=band.high * scale)
    return found


def _at(levels: Iterable[tuple[str, float]], records: Sequence[RequestRecord]) -> dict[tuple[str, float], float]:
    """Return the quantiles of one run; without those that have no sample."""
    good = latencies(records)
    return {(latency, level): float(np.quantile(good[latency], level)) for latency, level in levels if good[latency]}
