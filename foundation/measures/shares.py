"""The confidence interval of a proportion, such as the share of failed requests.

The ends are exact (Clopper and Pearson, Biometrika 26 (1934) 404): the low end is the share that would give this count or more with 2.5 %
probability, the high end the share that would give this count or fewer. If the count is 0, the low end is certainly 0, so the entire 5 %
goes to the high end: 1 - 0.05^(1/n), about 3/n (the "rule of three": Hanley and Lippman-Hand, JAMA 249 (1983) 1743). If the count is ``n``,
it is the mirror image.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

_ERROR: Final = 0.05
_Z95: Final = 1.959964
_HALVINGS: Final = 50  # halvings of the interval from 0 to 1: beyond the precision of a float


def share_interval(count: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of the share, given ``count`` of ``n``.

    Raises:
        ValueError: ``count`` is not within 0 and ``n``, or ``n`` is 0.

    >>> [round(end, 4) for end in share_interval(0, 360)], [round(end, 4) for end in share_interval(1, 80)]
    ([0.0, 0.0083], [0.0003, 0.0677])
    """
    if not 0 <= count <= n or not n:
        raise ValueError(f"{count} of {n} is no share")
    if count in {0, n}:
        far = _ERROR ** (1 / n)
        return (0.0, 1 - far) if count == 0 else (far, 1.0)
    at_most = _binomial(count, n)
    below = _binomial(count - 1, n)
    return _where_it_falls_to(1 - _ERROR / 2, below), _where_it_falls_to(_ERROR / 2, at_most)


def sample_for_share(share: float, limit: float) -> int | None:
    """Return about how large a sample with ``share`` must be for its interval to be on one side of ``limit``; None if no size suffices.

    >>> sample_for_share(0.0, 0.01), sample_for_share(0.02, 0.01), sample_for_share(0.01, 0.01)
    (299, 753, None)
    """
    if share == limit or not 0 < limit < 1:
        return None
    if share == 0:
        return math.ceil(math.log(_ERROR) / math.log1p(-limit))
    return math.ceil(_Z95**2 * share * (1 - share) / (share - limit) ** 2) or None


def _binomial(count: int, n: int) -> Callable[[float], float]:
    """Return the probability of at most ``count`` of ``n``, as a decreasing function of the share."""
    counts = np.arange(count + 1, dtype=float)
    steps = np.log(n - counts[:-1]) - np.log(counts[1:])
    choices = np.concatenate(([0.0], np.cumsum(steps)))

    def at(share: float) -> float:
        return float(np.exp(choices + counts * math.log(share) + (n - counts) * math.log1p(-share)).sum())

    return at


def _where_it_falls_to(level: float, probability: Callable[[float], float]) -> float:
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if probability(middle) > level else (low, middle)
    return (low + high) / 2
