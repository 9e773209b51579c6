"""Curves of users over a run, without Locust.

A curve gives the number of users relative to its mean, over the elapsed share of the run. Because users wait for their responses, the
engines limit how far this changes the load; only the open loop controls the rate itself.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from stacks.traffic import SHAPES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stacks.traffic import PlannedRequest

#: Every value of ``--shape``.
NAMES: Final = (*SHAPES, "trace")

_WINDOW: Final = 1 / 30
_WINDOW_ARRIVALS: Final = 30
"""Arrivals of a trace are averaged over this share of the run, or over this many of them if that is longer: users cannot follow single
requests."""


def named(name: str) -> Callable[[float], float]:
    """Return the curve called ``name``, one of those that ``traffic.shape`` may name."""
    return SHAPES[name].intensity


def replayed(plan: Sequence[PlannedRequest], duration_s: float) -> Callable[[float], float]:
    """Return the curve of a trace: arrivals of ``plan`` (in order of time) in a window around the moment, relative to their mean."""
    times = [request.at_s / duration_s for request in plan]
    window = max(_WINDOW, min(1.0, _WINDOW_ARRIVALS / max(1, len(times))))

    def curve(share: float) -> float:
        begin, end = max(0.0, share - window / 2), min(1.0, share + window / 2)
        inside = bisect_left(times, end) - bisect_left(times, begin)
        return inside / (len(times) * (end - begin)) if times else 0.0

    return curve


def users_at(curve: Callable[[float], float], *, mean_users: int, elapsed_s: float, duration_s: float) -> int | None:
    """Return the number of users ``elapsed_s`` seconds into the run, at least one; None once the run is over."""
    if elapsed_s >= duration_s:
        return None
    return max(1, round(mean_users * curve(elapsed_s / duration_s)))
