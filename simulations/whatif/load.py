"""The requests of every replication, the same for every scenario.

Rule 1: replication k of every scenario has the same requests (common random numbers); a traffic factor takes more requests from the same
stream within the same time, and a ramp moves them in time (``rate.py``).
Rule 2: a trace is not random: replication k replays its k-th window. The windows are disjoint at the largest requested factor, so no two
replications share a request and no scenario runs out of requests. There are at most as many replications as windows.
Rule 3: a run spans a few thousand requests of the baseline, within bounds: long enough for a p95, short enough to wait for. A trace that is
too short for several such runs is cut into shorter ones.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self

from simulations.statistics.replications import FEWEST
from stacks.traffic import Drawn, drawn_plan, plan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from simulations.whatif.rate import Rate
    from stacks.environment import Traffic
    from stacks.traffic import PlannedRequest

REQUESTS: Final = 3000
SHORTEST_S: Final = 60.0
LONGEST_S: Final = 1800.0


@dataclass(frozen=True)
class Load:
    """The source of the requests.

    ``horizon_s`` is the length of a run in seconds, ``largest`` the largest factor that will be requested. ``trace`` is empty if the
    requests are generated at random. ``notes`` list what was changed in the trace.
    """

    traffic: Traffic
    root: Path
    seed: int
    horizon_s: float
    largest: float = 1.0
    trace: tuple[PlannedRequest, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, traffic: Traffic, *, root: Path, seed: int, largest: float = 1.0, skip_bad_rows: bool = False) -> Self:
        """Choose the length of the runs.

        Raises:
            TraceError: the trace cannot be replayed.
        """
        if traffic.trace is None:
            return cls(traffic, root, seed, min(max(REQUESTS / traffic.rate_per_s, SHORTEST_S), LONGEST_S), largest)
        notes: list[str] = []
        trace = tuple(plan(traffic, root=root, duration_s=float("inf"), skip_bad_rows=skip_bad_rows, on_note=notes.append))
        enough_s = trace[min(REQUESTS, len(trace)) - 1].at_s
        there_is_s = _length_s(trace) / largest
        horizon_s = min(max(min(enough_s, there_is_s / FEWEST), SHORTEST_S), LONGEST_S, there_is_s)
        return cls(traffic, root, seed, horizon_s or SHORTEST_S, largest, trace, tuple(notes))

    @property
    def windows(self) -> int | None:
        """Return how many replications can have their own requests; None if unbounded."""
        if not self.trace:
            return None
        # Tolerance of 1e-9 for floating-point rounding.
        return max(1, int(_length_s(self.trace) / (self.horizon_s * self.largest) + 1e-9))

    def expected(self, rate: Rate) -> float:
        """Return about how many requests a replication has at ``rate``."""
        span_s = rate.passed_s(self.horizon_s)
        return len(self.trace) * span_s / (_length_s(self.trace) or span_s) if self.trace else self.traffic.rate_per_s * span_s

    def requests(self, replication: int, rate: Rate) -> Sequence[PlannedRequest]:
        """Return the requests of a replication at ``rate``; with a trace ``replication`` is less than ``windows``."""
        span_s = rate.passed_s(self.horizon_s)
        if self.trace:
            window = self._window(replication, span_s)
            return [replace(request, index=index, at_s=rate.at_s(request.at_s)) for index, request in enumerate(window)]
        if not span_s:
            return []
        drawn = drawn_plan(self.traffic, seed=self.stream(replication), duration_s=span_s, rate_per_s=self.traffic.rate_per_s)
        return Drawn(replace(request, at_s=rate.at_s(request.at_s)) for request in drawn)

    def stream(self, replication: int) -> int:
        """Return the seed of a replication; replication 0 has the run's own."""
        return self.seed + 1_000_003 * replication

    def _window(self, replication: int, span_s: float) -> list[PlannedRequest]:
        # Windows of different factors start at the same place, so that they share their requests.
        start = replication * self.horizon_s * self.largest
        first = bisect.bisect_left(self.trace, start, key=lambda request: request.at_s)
        last = bisect.bisect_left(self.trace, start + span_s, key=lambda request: request.at_s)
        return [replace(request, at_s=request.at_s - start) for request in self.trace[first:last]]


def _length_s(trace: tuple[PlannedRequest, ...]) -> float:
    """Return the time that the rows cover; the last row, too, is followed by a gap."""
    return trace[-1].at_s * len(trace) / max(len(trace) - 1, 1)
