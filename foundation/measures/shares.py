"""The interval of a share that was counted, such as failed requests among all.

The ends are exact (Clopper and Pearson, Biometrika 26 (1934) 404): the low end is the share that would show so many or more with 2.5 %
probability, the high end the one that would show so few or fewer. Where none was counted the low end is 0 without any doubt, so all of
the 5 % belongs to the high end: 1 - 0.05^(1/n), about 3/n (the "rule of three": Hanley and Lippman-Hand, JAMA 249 (1983) 1743). Where
all were counted it is the mirror image.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

_ERROR: Final = 0.05
_Z95: Final = 1.959964
_HALVINGS: Final = 50  # of the interval from 0 to 1: beyond what a float shows


def share_interval(count: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of the share that ``count`` of ``n`` is a sample of.

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
    """Return about how large a sample of ``share`` must be for its interval to lie on one side of ``limit``; None: none is large enough.

    >>> sample_for_share(0.0, 0.01), sample_for_share(0.02, 0.01), sample_for_share(0.01, 0.01)
    (299, 753, None)
    """
    if share == limit or not 0 < limit < 1:
        return None
    if share == 0:
        return math.ceil(math.log(_ERROR) / math.log1p(-limit))
    return math.ceil(_Z95**2 * share * (1 - share) / (share - limit) ** 2) or None


def _binomial(count: int, n: int) -> Callable[[float], float]:
    """Return the probability of at most ``count`` of ``n``, as a falling function of the share."""
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
