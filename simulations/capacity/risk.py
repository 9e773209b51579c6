"""The probability of missing a threshold: the share of replications in which one is missed, with its exact 95 % interval.

A replication is one stretch of traffic of the length of a run, so the probability is that of such a stretch, not of a request.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from foundation.measures import share_interval
from simulations.errors import SimulationError

if TYPE_CHECKING:
    from foundation.measures.outcome import Outcome
    from simulations.whatif.results import ScenarioResult
    from stacks.environment.thresholds import Threshold


@dataclass(frozen=True, slots=True)
class Risk:
    """The risk at one rate (a multiple of the environment's) or number of replicas.

    In ``missed`` of ``n`` replications a threshold was missed; ``thresholds`` says how often each of them was.
    """

    by: Literal["rate", "replicas"]
    at: float
    monthly_usd: float
    missed: int
    n: int
    low: float
    high: float
    thresholds: tuple[tuple[str, int], ...]

    @property
    def share(self) -> float:
        """The estimated probability."""
        return self.missed / self.n


def risk(by: Literal["rate", "replicas"], at: float, result: ScenarioResult, thresholds: Sequence[Threshold]) -> Risk:
    """Return the risk of ``result``; pods without a node miss everything, as nothing is known of a stack that does not fit.

    Raises:
        SimulationError: the twin does not predict a metric.
    """
    n = len(result.each)
    missed = {str(threshold): [not _holds(result, number, threshold) for number in range(n)] for threshold in thresholds}
    total = n if result.unschedulable else sum(any(flags) for flags in zip(*missed.values(), strict=True))
    low, high = share_interval(total, n)
    return Risk(by, at, result.cost.monthly_usd, total, n, low, high, tuple((name, sum(flags)) for name, flags in missed.items()))


def _holds(result: ScenarioResult, replication: int, threshold: Threshold) -> bool:
    value = _figure(result, result.each[replication], replication, threshold.metric)
    return not math.isnan(value) and threshold.holds(value)


def _figure(result: ScenarioResult, outcome: Outcome, replication: int, metric: str) -> float:
    if metric == "monthly_cost_usd":
        return result.cost.monthly_usd
    if metric == "failed_share":
        return 1 - result.values["good_share"][replication]
    if metric in result.values:
        return result.values[metric][replication]
    quantile, _, latency = metric.partition("_")
    found = getattr(outcome, latency, None)
    if found is None or not hasattr(found, quantile):
        raise SimulationError(f"the twin does not predict {metric}; ask for a latency, failed_share or output_tokens_per_s")
    return float(getattr(found, quantile))
