"""Intervals over independent replications.

Student's t for a mean; the exact interval of a proportion for a share that each replication shows as 0 or 1. Both are two-sided, at 95 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from foundation.measures import share_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    return student(1.959964, degrees)


def student(z: float, degrees: int) -> float:
    """Return the quantile of Student's t where the normal distribution has ``z``; from 20 degrees on to three digits (Cornish-Fisher).

    >>> round(student(2.7344, 29), 2)
    2.95
    """
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

    def precise(self, share: float) -> bool:
        """Whether the half-width is at most ``share`` of the mean; a mean of zero must be exact."""
        return self.half_width <= share * abs(self.mean)

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
