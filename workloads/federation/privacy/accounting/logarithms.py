"""Special functions in logarithms, where their values would vanish."""

from __future__ import annotations

import math
from typing import Final

#: Beyond it ``erfc`` nears the smallest float; the asymptotic series has an error below 1e-13 there.
_FAR: Final = 25.0


def log_erfc(x: float) -> float:
    """Return log(erfc(x)) (NIST DLMF 7.12.1 for large ``x``)."""
    if x < _FAR:
        return math.log(math.erfc(x))
    square = 1 / (2 * x * x)
    series = -square + 3 * square**2 - 15 * square**3 + 105 * square**4
    return -x * x - math.log(x * math.sqrt(math.pi)) + math.log1p(series)


def log_add(first: float, second: float) -> float:
    """Return log(exp(first) + exp(second))."""
    high, low = max(first, second), min(first, second)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))


def log_subtract(first: float, second: float) -> float:
    """Return log(exp(first) - exp(second)) for ``second <= first``."""
    if second == -math.inf:
        return first
    return first + math.log(-math.expm1(second - first)) if second < first else -math.inf
