"""The clock of a simulation: one heap of events, on which everything may cause everything.

Rule 1: there is one loop a run. Hot paths put plain functions on it, process-like logic runs on it as SimPy processes (``processes.py``).
Rule 2: events happen in order of time; at one moment in ascending ``order``; within one order as they were put there. Nothing else
breaks a tie, so equal runs are equal to the last bit.
Rule 3: nothing happens in the past: that would be an effect before its cause.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable
from typing import Final

#: A sum of times may differ from the same sum in another order by this much; an event this little in the past happens now.
SLACK_S: Final = 1e-9


class CausalityError(AssertionError):
    """An event was put into the past: a bug in the simulation, never in its input."""


class Event:
    """Something that is going to happen at ``at_s``; it can be cancelled until then."""

    __slots__ = ("action", "at_s")

    def __init__(self, at_s: float, action: Callable[[], None]) -> None:
        self.at_s = at_s
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Cancel it. Does nothing if it has already happened."""
        self.action = None


class Loop:
    """The events to come, and the time that has been reached: ``now_s``, in seconds from the start of the run."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._heap: list[tuple[float, int, int, Event]] = []
        self._numbers = itertools.count()

    def at(self, at_s: float, action: Callable[[], None], order: int = 0) -> Event:
        """Let ``action`` happen at ``at_s``, an absolute time.

        Raises:
            CausalityError: that is in the past, or no time at all.
        """
        if not at_s >= self.now_s - SLACK_S:
            raise CausalityError(f"an event at {at_s} s, and it is {self.now_s} s already")
        event = Event(at_s, action)
        heapq.heappush(self._heap, (at_s, order, next(self._numbers), event))
        return event

    def run(self, until_s: float = math.inf) -> None:
        """Let everything happen that is due by ``until_s``, and what that causes; the clock ends at ``until_s`` where it is finite."""
        heap, pop = self._heap, heapq.heappop
        while heap and heap[0][0] <= until_s:
            at_s, _, _, event = pop(heap)
            action = event.action
            if action is None:
                continue
            self.now_s = max(self.now_s, at_s)
            event.action = None
            action()
        if math.isfinite(until_s):
            self.now_s = max(self.now_s, until_s)
