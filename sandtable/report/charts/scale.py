"""Scales from values to pixels, with the ticks of their axes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True)
class Linear:
    """From ``low``..``high`` to ``start``..``end`` pixels; values outside are drawn at the edge."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the pixel of ``value``."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)

    def ticks(self, about: int = 4) -> list[float]:
        """Return about that many round values.

        >>> Linear(0, 37, 0, 100).ticks()
        [0.0, 10.0, 20.0, 30.0]
        """
        raw = (self.high - self.low) / about
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        return [round(index * step, 10) for index in range(first, math.floor(self.high / step + 1e-9) + 1)]


@dataclass(frozen=True, slots=True)
class Log:
    """A logarithmic scale; ``low`` and ``high`` are positive."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the pixel of ``value``; values up to 0 are drawn at the low edge."""
        if value <= self.low:
            return self.start
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + min(share, 1.0) * (self.end - self.start)

    def ticks(self, most: int = 8) -> list[float]:
        """Return 1-2-5 values, or powers of ten, or fewer of them, so that there are at most ``most``.

        >>> Log(8, 240, 0, 100).ticks()
        [10.0, 20.0, 50.0, 100.0, 200.0]
        """
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for factors in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
            values = [round(10.0**decade * factor, 10) for decade in decades for factor in factors]
            inside = [value for value in values if self.low <= value <= self.high]
            if len(inside) <= most:
                return inside if len(inside) >= 2 else [self.low, self.high]
        powers = [10.0**decade for decade in decades if self.low <= 10.0**decade <= self.high]
        return powers[:: math.ceil(len(powers) / most)]


@dataclass(frozen=True, slots=True)
class Probability:
    """Shares on a normal-probability scale, which stretches the tail.

    From 2 % to ``high``; a log-normal distribution is a straight line over a logarithmic axis.
    """

    high: float
    start: float
    end: float

    def __call__(self, share: float) -> float:
        """Return the pixel of ``share`` (0..1)."""
        low, high = _NORMAL.inv_cdf(0.02), _NORMAL.inv_cdf(self.high)
        place = (_NORMAL.inv_cdf(min(max(share, 0.02), self.high)) - low) / (high - low)
        return self.start + place * (self.end - self.start)
