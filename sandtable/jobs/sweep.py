"""The largest rate that holds: the open loop at rising rates, until the promises break, and then in between."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from foundation.measures.goodput import Limits, goodput

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtests.measurement import Measurement

#: Share of the requests that must be served as promised: that of a threshold on a p95.
PROMISED_SHARE: Final = 0.95
_RISE: Final = 1.5
_MOST_RISES: Final = 14
_HALVINGS: Final = 3


@dataclass(frozen=True, slots=True)
class Point:
    """One rate: what was sent, and the share that was served as promised. ``invalid`` says why the generator makes it not count."""

    rate_per_s: float
    requests: int
    good_share: float
    p95_ttft_ms: float
    p95_e2e_ms: float
    output_tokens_per_s: float
    invalid: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether the promises hold at this rate."""
        return not self.invalid and self.good_share >= PROMISED_SHARE


@dataclass(frozen=True, slots=True)
class Sweep:
    """``points`` in order of their rate; ``limits`` are those of a request."""

    points: tuple[Point, ...]
    limits: Limits

    @property
    def knee_per_s(self) -> float | None:
        """The largest rate at which the promises held."""
        return max((point.rate_per_s for point in self.points if point.holds), default=None)

    @property
    def bounded(self) -> bool:
        """Whether the promises broke at a larger rate, so that the knee is known and not only a lower bound."""
        return any(not point.holds and not point.invalid for point in self.points)


def find_knee(
    send: Callable[[float], Measurement], first_per_s: float, limits: Limits, on_point: Callable[[Point], None] = lambda _point: None
) -> Sweep:
    """Send at ``first_per_s`` and half as much again each time until the promises break, then halve the gap three times.

    It ends early where the generator cannot keep up: larger rates would measure the generator. If the first rate already breaks the
    promises, it goes down instead.
    """
    points: list[Point] = []

    def try_at(rate_per_s: float) -> Point:
        points.append(point := _point(rate_per_s, send(rate_per_s), limits))
        on_point(point)
        return point

    low, high = _bracket(try_at, first_per_s)
    for _ in range(_HALVINGS if low is not None and high is not None else 0):
        assert low is not None and high is not None  # noqa: PT018
        middle = try_at(math.sqrt(low * high))
        if middle.holds:
            low = middle.rate_per_s
        else:
            high = middle.rate_per_s
    return Sweep(tuple(sorted(points, key=lambda point: point.rate_per_s)), limits)


def _bracket(try_at: Callable[[float], Point], first_per_s: float) -> tuple[float | None, float | None]:
    """Return the largest rate that holds and the smallest that does not, of those that were tried."""
    point = try_at(first_per_s)
    if point.invalid:
        return None, None
    rising = point.holds
    rate_per_s = first_per_s
    for _ in range(_MOST_RISES):
        before, rate_per_s = rate_per_s, rate_per_s * _RISE if rising else rate_per_s / _RISE
        point = try_at(rate_per_s)
        if point.invalid:
            break
        if point.holds is not rising:
            return (before, rate_per_s) if rising else (rate_per_s, before)
    return None, None


def _point(rate_per_s: float, seen: Measurement, limits: Limits) -> Point:
    outcome = seen.outcome
    return Point(
        rate_per_s,
        outcome.requests,
        goodput(seen.records, limits),
        outcome.ttft_ms.p95,
        outcome.e2e_ms.p95,
        outcome.output_tokens_per_s,
        seen.invalid,
    )
