"""The largest rate of requests that keeps the thresholds, as a multiple of the environment's traffic.

Rule 1: the rate is doubled until a threshold breaks, so that no run is far into overload, where queues grow without end.
Rule 2: then the gap is cut until it is narrow enough. Every rate has the same random numbers, so a larger rate is not luckier.
Rule 3: two rates are asked for at a time, so that a sweep has something to share out. How many there are does not depend on who runs them.
Rule 4: while rates are doubled, a short run is enough where it is far from every limit; the rate that is returned was run in full.
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

    #: Runs the environment at some multiples of its traffic; the flag asks for all replications, else for one.
    Run = Callable[[Sequence[float], bool], Sequence[ScenarioResult | ConfigurationError]]

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


def largest_rate(run: Run, thresholds: Sequence[Threshold]) -> LargestRate:
    """Find the largest factor for which ``run`` keeps all ``thresholds``.

    A rate that is too large to simulate ends the search, with no threshold broken.
    """
    rates = _Rates(run, thresholds)
    good, bad = _bracket(rates)
    while True:
        while good and math.isfinite(bad) and bad / good > 1 + PRECISION:
            third = (bad - good) / 3
            good, bad = rates.edge(good, [good + third, good + 2 * third], bad, full=True)
        if not good or rates.hold([good], full=True)[0]:
            break
        bad, good = good, good / 2 if good > LEAST else 0.0  # a short run was too good
    result, judged = rates.tried.get(good, (None, ()))
    broken = [one for one in rates.tried[bad][1] if not one.holds] if bad in rates.tried else []
    binding = tuple(sorted(broken, key=lambda one: -one.use))
    return LargestRate(good, bad, judged, binding, result, rates.runs)


class _Rates:
    """The rates that were run, each by its last run."""

    def __init__(self, run: Run, thresholds: Sequence[Threshold]) -> None:
        self.tried: dict[float, tuple[ScenarioResult, tuple[Judged, ...]]] = {}
        self.runs = 0
        self._run, self._thresholds = run, thresholds
        self._in_full: set[float] = set()
        self._too_large: set[float] = set()

    def hold(self, factors: Sequence[float], *, full: bool) -> list[bool]:
        """Return which of ``factors`` keep the thresholds; one that is too large to simulate does not."""
        asked = [factor for factor in factors if factor not in self._in_full and factor not in self._too_large]
        asked = asked if full else [factor for factor in asked if factor not in self.tried]
        for factor, answer in zip(asked, self._run(asked, full) if asked else (), strict=True):
            if isinstance(answer, ConfigurationError):
                self._too_large.add(factor)
                continue
            self.runs += 1
            self.tried[factor] = answer, judge(answer, self._thresholds)
            if full:
                self._in_full.add(factor)
        near = [] if full else [factor for factor in asked if factor in self.tried and is_near(self.tried[factor][1])]
        if near:
            self.hold(near, full=True)
        return [factor in self.tried and all(judged.holds for judged in self.tried[factor][1]) for factor in factors]

    def edge(self, good: float, between: Sequence[float], bad: float, *, full: bool) -> tuple[float, float]:
        """Return the last of the rising factors that holds and the first that does not, by those between ``good`` and ``bad``."""
        held = self.hold(between, full=full)
        number = held.index(False) if False in held else len(between)
        return [good, *between][number], [*between, bad][number]

    def simulated(self, factor: float) -> float:
        """Return ``factor``, or NaN if it is too large to simulate."""
        return math.nan if factor in self._too_large else factor


def _bracket(rates: _Rates) -> tuple[float, float]:
    """Return a factor that holds (0: none) and one that does not (NaN: none)."""
    factor = 1.0
    if not rates.hold([factor, 2 * factor], full=False)[0]:
        while factor > LEAST:
            half, quarter = rates.hold([factor / 2, factor / 4], full=False)
            if half:
                return factor / 2, factor
            if quarter:
                return factor / 4, factor / 2
            factor /= 4
        return 0.0, factor
    while factor < MOST:
        good, bad = rates.edge(factor, [2 * factor, 4 * factor], math.inf, full=False)
        if math.isfinite(bad):
            return good, rates.simulated(bad)
        factor = good
    return factor, math.nan
