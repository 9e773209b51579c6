"""Intervals over replications: means, and paired differences against the baseline.

Rule 1: the replications of all scenarios share their random numbers (replication 3 of every scenario has the same requests), so the
difference is taken pair by pair; the noise common to both cancels out (common random numbers; Law, Simulation Modeling and Analysis,
section 11.2).
Rule 2: an interval that contains zero says "not distinguishable", never "equal". So does a difference below half a percent: with paired
random numbers even a rounding error at the end of the run would be significant, although irrelevant.
Rule 3: metrics are never negative, so no interval reaches below zero or shows a drop larger than the baseline.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from foundation.measures import share_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Differences smaller than this share of the baseline count as not distinguishable.
NEGLIGIBLE: Final = 0.005

Significance = Literal["better", "worse", "not distinguishable", "undefined"]

# Two-sided 95 % quantiles of Student's t with 1 to 30 degrees of freedom; beyond that Cornish-Fisher is exact to four digits.
_T95: Final = (
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281,
    2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860,
    2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
)  # fmt: skip


def t95(degrees: int) -> float:
    """Return the two-sided 95 % quantile of Student's t.

    >>> t95(4), round(t95(120), 3)
    (2.7764, 1.98)
    """
    if degrees <= len(_T95):
        return _T95[degrees - 1]
    z = 1.959964
    return z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over the ``n`` replications that had such a value, with its 95 % interval; NaN where n = 0, infinite ends where n = 1."""

    mean: float
    low: float
    high: float
    n: int

    @property
    def half_width(self) -> float:
        """Half of the interval."""
        return (self.high - self.low) / 2

    def within(self, lowest: float, highest: float) -> Interval:
        """Return the interval clipped to the value's possible range."""
        return replace(self, low=max(self.low, lowest), high=min(self.high, highest))


def interval(values: Sequence[float]) -> Interval:
    """Return mean and 95 % interval of independent values by Student's t; NaN means no value."""
    values = [value for value in values if not math.isnan(value)]
    n = len(values)
    if n == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    mean = math.fsum(values) / n
    if n == 1:
        return Interval(mean, -math.inf, math.inf, 1)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    half = t95(n - 1) * deviation / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, n)


def share_of_drawn(values: Sequence[float]) -> Interval:
    """Return the mean and 95 % interval of a share that is close to 0 or 1 in each replication, depending on random events.

    Each replication counts as one Bernoulli trial. If all agree, Student's t would give an interval of zero width; this one reflects the
    small number of trials. NaN means no value.
    """
    found = interval(values)
    if not found.n:
        return found
    total = found.mean * found.n
    # Tolerance of 1e-6 for floating-point rounding.
    return replace(
        found, low=share_interval(math.floor(total + 1e-6), found.n)[0], high=share_interval(math.ceil(total - 1e-6), found.n)[1]
    )


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric of a scenario: its own interval, the paired difference to the baseline (None for the baseline) and the verdict."""

    value: Interval
    difference: Interval | None
    verdict: Significance | None


def compare(values: Sequence[float], baseline: Sequence[float] | None, *, lower_is_better: bool | None) -> Comparison:
    """Compare a scenario's values with the baseline's, replication by replication; a metric without a better direction gets no verdict."""
    value = _not_below(0.0, interval(values))
    if baseline is None:
        return Comparison(value, None, None)
    pairs = [(own, base) for own, base in zip(values, baseline, strict=True) if not math.isnan(own - base)]
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
