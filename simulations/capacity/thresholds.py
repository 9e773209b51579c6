"""Whether the answer to a scenario keeps thresholds.

Rule 1: a threshold holds only if it holds at the worse end of the 95 % interval. Capacity that may be there is not capacity.
Rule 2: pods without a node mean that the stack is not the one that was asked about: nothing holds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from simulations.errors import SimulationError

if TYPE_CHECKING:
    from simulations.statistics import Interval
    from simulations.whatif.results import ScenarioResult
    from stacks.environment.thresholds import Threshold


@dataclass(frozen=True, slots=True)
class Judged:
    """A threshold with what came out; ``worst`` is the end of the interval that decided, the value itself where there is no interval."""

    threshold: str
    value: float
    worst: float
    holds: bool
    use: float
    """How much of the limit is used up: above 1 it is broken."""


#: A single replication decides nothing where the tightest limit is used up to a share between these. It has thousands of requests and is
#: rarely off by so much, and what is answered is confirmed with all replications.
_CLEARLY_HOLDS: Final = 0.8
_CLEARLY_MISSES: Final = 1.25


def is_near(judged: Iterable[Judged]) -> bool:
    """Whether the tightest limit is so near that one replication does not decide."""
    return _CLEARLY_HOLDS < max((one.use for one in judged), default=0.0) < _CLEARLY_MISSES


def judge(result: ScenarioResult, thresholds: Iterable[Threshold]) -> tuple[Judged, ...]:
    """Judge every threshold.

    Raises:
        SimulationError: the twin does not predict a metric.
    """
    return tuple(_judged(result, threshold) for threshold in thresholds)


def _judged(result: ScenarioResult, threshold: Threshold) -> Judged:
    value, ends = _figure(result, threshold.metric)
    at_most = threshold.symbol in {"<", "<="}
    known = [end for end in ends if math.isfinite(end)] or [value]
    worst = max(known) if at_most else min(known)
    holds = threshold.holds(worst) and not math.isnan(value) and not result.unschedulable
    used, limit = (worst, threshold.limit) if at_most else (threshold.limit, worst)
    use = used / limit if limit else math.inf if used else 0.0
    return Judged(str(threshold), value, worst, holds, use)


def _figure(result: ScenarioResult, metric: str) -> tuple[float, tuple[float, ...]]:
    """Return the value of ``metric`` and the ends of its interval, empty if there is none."""
    if metric == "monthly_cost_usd":
        return result.cost.monthly_usd, ()
    if metric == "failed_share":
        good = result.metrics["good_share"].value
        return 1 - good.mean, tuple(1 - end for end in _ends(good))
    if (known := result.metrics.get(metric)) is not None:
        return known.value.mean, _ends(known.value)
    quantile, _, latency = metric.partition("_")
    found = getattr(result.outcome, latency, None)
    if found is None or not hasattr(found, quantile):
        raise SimulationError(
            f"the twin does not predict {metric}; ask for a latency, failed_share, output_tokens_per_s or monthly_cost_usd"
        )
    return float(getattr(found, quantile)), tuple(found.ci95[quantile])


def _ends(found: Interval) -> tuple[float, ...]:
    """Return the ends of an interval; none if there is only one replication, which leaves everything open."""
    return (found.low, found.high) if found.n > 1 else ()
