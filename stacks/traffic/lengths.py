"""Lengths of prompts and answers, in tokens.

Each request takes one draw from the stream, which has no other user, so request 17 keeps its length when the rate changes.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

    from stacks.environment import Lengths


def clip(lengths: Lengths, tokens: float) -> int:
    """Return ``tokens`` rounded and clipped to the bounds."""
    return max(lengths.low, min(lengths.high, round(tokens)))


def draw(lengths: Lengths, random: Random) -> Iterator[int]:
    """Yield lengths forever. ``mean`` and ``cv`` apply before rounding and clipping to ``low`` and ``high``."""
    match lengths.distribution:
        case "constant":
            assert lengths.mean is not None, "the environment checks it"
            fixed = clip(lengths, lengths.mean)
            while True:
                yield fixed
        case "uniform":
            while True:
                yield random.randint(lengths.low, lengths.high)
        case "lognormal":
            assert lengths.mean is not None, "the environment checks it"
            variance = math.log1p(lengths.cv**2)
            mu, sigma = math.log(lengths.mean) - variance / 2, math.sqrt(variance)
            while True:
                yield clip(lengths, random.lognormvariate(mu, sigma))
        case "quantiles":
            assert lengths.quantiles, "the environment checks it"
            while True:
                yield clip(lengths, _interpolate(lengths.quantiles, random.random()))


def _interpolate(pairs: Sequence[tuple[float, float]], share: float) -> float:
    """Interpolate linearly between the pairs; constant before the first and after the last."""
    after = bisect_right(pairs, share, key=lambda pair: pair[0])
    if after == 0:
        return pairs[0][1]
    if after == len(pairs):
        return pairs[-1][1]
    (p0, low), (p1, high) = pairs[after - 1], pairs[after]
    return low + (high - low) * (share - p0) / (p1 - p0)
