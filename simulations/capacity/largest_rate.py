"""The largest rate of requests that keeps the thresholds, as a multiple of the environment's traffic.

Rule 1: the rate is doubled until a threshold breaks, so that no run is far into overload, where queues grow without end.
Rule 2: then the gap is halved until it is narrow enough. Every rate has the same random numbers, so a larger rate is not luckier.
Rule 3: while rates are doubled, a short run is enough where it is far from every limit; the rate that is returned was run in full.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from simulations.capacity.thresholds import Judged, is_near, judge
from stacks.errors import ConfigurationError

if TYPE_CHECKING:
    from simulations.whatif.results import ScenarioResult
    from stacks.environment.thresholds import Threshold

#: The largest and the smallest multiple that is tried.
MOST: Final = 1024.0
LEAST: Final = 1 / 64
#: The answer is between the rate that holds and this much more.
PRECISION: Final = 0.05


@dataclass(frozen=True, slots=True)
class LargestRate:
    """The answer: ``factor`` holds with ``at_factor``; at ``broken_factor`` a threshold is broken, NaN if none was found.

    ``binding`` is what breaks first, empty if nothing did. A factor of 0 means that not even the smallest rate holds.
    """

    factor: float
    broken_factor: float
    at_factor: tuple[Judged, ...]
    binding: tuple[Judged, ...]
    result: ScenarioResult | None
    runs: int


def largest_rate(run: Callable[[float, bool], ScenarioResult], thresholds: Sequence[Threshold]) -> LargestRate:
    """Find the largest factor for which ``run`` keeps all ``thresholds``.

    The flag of ``run`` asks for all replications, else for one. It raises ConfigurationError for a rate that is too large to simulate; the
    search ends there, with no threshold broken.
    """
    tried: dict[float, tuple[ScenarioResult, tuple[Judged, ...]]] = {}
    in_full: set[float] = set()
    runs = 0

    def holds(factor: float, *, full: bool) -> bool:
        nonlocal runs
        if factor not in in_full:
            result = run(factor, full)
            runs += 1
            tried[factor] = result, judge(result, thresholds)
            if full:
                in_full.add(factor)
            elif is_near(tried[factor][1]):
                return holds(factor, full=True)
        return all(judged.holds for judged in tried[factor][1])

    good, bad = _bracket(lambda factor: holds(factor, full=False))
    while True:
        while good and math.isfinite(bad) and bad / good > 1 + PRECISION:
            middle = (good + bad) / 2
            good, bad = (middle, bad) if holds(middle, full=True) else (good, middle)
        if not good or holds(good, full=True):
            break
        bad, good = good, good / 2 if good > LEAST else 0.0
    result, judged = tried.get(good, (None, ()))
    broken = [one for one in tried[bad][1] if not one.holds] if bad in tried else []
    binding = tuple(sorted(broken, key=lambda one: -one.use))
    return LargestRate(good, bad, judged, binding, result, runs)


def _bracket(holds: Callable[[float], bool]) -> tuple[float, float]:
    """Return a factor that holds (0: none) and one that does not (NaN: none)."""
    factor = 1.0
    if not holds(factor):
        while factor > LEAST:
            if holds(factor / 2):
                return factor / 2, factor
            factor /= 2
        return 0.0, factor
    while factor < MOST:
        try:
            if not holds(factor * 2):
                return factor, factor * 2
        except ConfigurationError:
            break
        factor *= 2
    return factor, math.nan
