"""Paired differences of a scenario against its baseline.

Rule 1: the replications of all scenarios share their random numbers (replication 3 of every scenario has the same requests), so the
difference is taken pair by pair; the noise common to both cancels out (common random numbers; Law, Simulation Modeling and Analysis,
section 11.2).
Rule 2: an interval that contains zero says "not distinguishable", never "equal". So does a difference below half a percent: with paired
random numbers even a rounding error at the end of the run would be significant, although irrelevant.
Rule 3: metrics are never negative, so no interval reaches below zero or shows a drop larger than the baseline.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from simulations.statistics.intervals import Interval, interval

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Differences smaller than this share of the baseline count as not distinguishable.
NEGLIGIBLE: Final = 0.005

Significance = Literal["better", "worse", "not distinguishable", "undefined"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric of a scenario: its own interval, the paired difference to the baseline (None for the baseline) and the verdict."""

    value: Interval
    difference: Interval | None
    verdict: Significance | None


def compare(values: Sequence[float], baseline: Sequence[float] | None, *, lower_is_better: bool | None) -> Comparison:
    """Compare a scenario's values with the baseline's, replication by replication; a metric without a better direction gets no verdict.

    If one of them has fewer replications, the others' later ones have no pair and do not count for the difference.
    """
    value = _not_below(0.0, interval(values))
    if baseline is None:
        return Comparison(value, None, None)
    pairs = [(own, base) for own, base in zip(values, baseline, strict=False) if not math.isnan(own - base)]
    difference = _not_below(-interval([base for _, base in pairs]).mean, interval([own - base for own, base in pairs]))
    if lower_is_better is None:
        return Comparison(value, difference, None)
    scale = abs(interval(baseline).mean)
    return Comparison(value, difference, _verdict(difference, scale, lower_is_better=lower_is_better))


def _not_below(lowest: float, found: Interval) -> Interval:
    """Clip the interval at ``lowest``; the infinite interval of a single replication stays infinite."""
    return found.within(lowest, math.inf) if found.n > 1 else found


def _verdict(difference: Interval, scale: float, *, lower_is_better: bool) -> Significance:
    if math.isnan(difference.mean):
        return "undefined"
    if difference.low <= 0 <= difference.high or abs(difference.mean) < NEGLIGIBLE * scale:
        return "not distinguishable"
    return "better" if (difference.mean < 0) is lower_is_better else "worse"
