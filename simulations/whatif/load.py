"""The requests of every replication, the same for every scenario.

Rule 1: replication k of every scenario has the same requests (common random numbers); a traffic factor takes more of the same stream
and packs it into the same time.
Rule 2: a trace has no dice: replication k replays its k-th window.
Rule 3: the run is as long as a few thousand requests of the baseline take, within bounds: long enough for a p95, short enough to wait for.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self

from stacks.traffic import plan

if TYPE_CHECKING:
    from pathlib import Path

    from stacks.environment import Traffic
    from stacks.traffic import PlannedRequest

REQUESTS: Final = 3000
SHORTEST_S: Final = 60.0
LONGEST_S: Final = 1800.0


@dataclass(frozen=True)
class Load:
    """Where the requests come from; ``horizon_s`` is the length of a run in seconds."""

    traffic: Traffic
    root: Path
    seed: int
    horizon_s: float
    trace: tuple[PlannedRequest, ...]

    @classmethod
    def of(cls, traffic: Traffic, *, root: Path, seed: int) -> Self:
        """Choose the length of the runs.

        Raises:
            TraceError: the trace cannot be replayed.
        """
        if traffic.trace is None:
            horizon_s = min(max(REQUESTS / traffic.rate_per_s, SHORTEST_S), LONGEST_S)
            return cls(traffic, root, seed, horizon_s, ())
        trace = tuple(plan(traffic, root=root, duration_s=float("inf")))
        end = trace[min(REQUESTS, len(trace)) - 1].at_s
        return cls(traffic, root, seed, min(max(end, SHORTEST_S), LONGEST_S), trace)

    def requests(self, replication: int, factor: float) -> list[PlannedRequest]:
        """Return the requests of a replication at ``factor`` times the rate."""
        span_s = self.horizon_s * factor
        if self.trace:
            drawn = self._window(replication, span_s)
        else:
            drawn = plan(self.traffic, seed=self.stream(replication), root=self.root, duration_s=span_s)
        return [replace(request, index=index, at_s=request.at_s / factor) for index, request in enumerate(drawn)]

    def stream(self, replication: int) -> int:
        """Return the seed of a replication; replication 0 has the run's own."""
        return self.seed + 1_000_003 * replication

    def _window(self, replication: int, span_s: float) -> list[PlannedRequest]:
        # Windows of different factors start at the same place, so that they share their requests.
        last_start = max(self.trace[-1].at_s - span_s, 0.0)
        start = min(replication * self.horizon_s, last_start) if last_start else 0.0
        first = bisect.bisect_left(self.trace, start, key=lambda request: request.at_s)
        last = bisect.bisect_left(self.trace, start + span_s, key=lambda request: request.at_s)
        return [replace(request, at_s=request.at_s - start) for request in self.trace[first:last]]
