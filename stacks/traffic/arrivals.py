"""Arrival times: points of a unit-rate renewal process, rescaled by a shape.

The renewal processes are stationary (the first gap is a residual life), so the expected number of requests is exactly rate times duration,
regardless of burstiness (Cox, Renewal Theory, section 2.2).
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from stacks.traffic.shapes import SHAPES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from stacks.environment import Traffic


def arrival_times(traffic: Traffic, *, rate_per_s: float, duration_s: float, random: Random) -> Iterator[float]:
    """Yield ascending times in seconds, in [0, ``duration_s``)."""
    total = rate_per_s * duration_s
    quantile = SHAPES[traffic.shape].quantile
    return (duration_s * quantile(point / total) for point in _unit_points(traffic, total, random))


def _unit_points(traffic: Traffic, until: float, random: Random) -> Iterator[float]:
    """Yield the points of the unit-rate process in [0, until)."""
    match traffic.arrivals:
        case "constant":
            # The tolerance keeps 0.1/s x 60 s at six requests although the product is a rounding error above six.
            yield from map(float, range(math.ceil(until - 1e-9)))
            return
        case "gamma":
            shape = 1 / traffic.cv**2
            scale = traffic.cv**2
            # The gap that covers a random instant is length-biased; the instant is uniform within it.
            first = random.random() * random.gammavariate(shape + 1, scale)
            gaps = (random.gammavariate(shape, scale) for _ in itertools.count())
        case _:  # A Poisson process has no memory: its residual life is an ordinary gap.
            first = random.expovariate(1.0)
            gaps = (random.expovariate(1.0) for _ in itertools.count())
    point = first
    while point < until:
        yield point
        point += next(gaps)
