"""The clock of a simulation: one event heap that all parts of a run share, so that any event can cause any other.

Rule 1: there is one loop per run. Hot paths schedule plain functions on it; logic with several steps runs as SimPy processes
(``processes.py``).
Rule 2: events run in order of time; simultaneous ones in ascending ``order``; those of equal order first in, first out. Nothing else breaks
a tie, so repeated runs are identical to the last bit.
Rule 3: nothing is scheduled in the past: that would be an effect before its cause.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable
from typing import Final

#: Floating-point sums of times depend on the order of addition by up to this much; an event this little in the past happens now.
SLACK_S: Final = 1e-9


class CausalityError(AssertionError):
    """An event was scheduled in the past: a bug in the simulation, never in its input."""


class Event:
    """An event scheduled for ``at_s``; it can be cancelled until then."""

    __slots__ = ("action", "at_s")

    def __init__(self, at_s: float, action: Callable[[], None]) -> None:
        self.at_s = at_s
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Cancel the event. Does nothing if it has already happened."""
        self.action = None


class Loop:
    """The pending events and the current time ``now_s``, in seconds from the start of the run."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._heap: list[tuple[float, int, int, Event]] = []
        self._numbers = itertools.count()

    def at(self, at_s: float, action: Callable[[], None], order: int = 0) -> Event:
        """Schedule ``action`` at ``at_s``, an absolute time.

        Raises:
            CausalityError: ``at_s`` is in the past or NaN.
        """
        if not at_s >= self.now_s - SLACK_S:
            raise CausalityError(f"an event at {at_s} s, and it is {self.now_s} s already")
        event = Event(at_s, action)
        heapq.heappush(self._heap, (at_s, order, next(self._numbers), event))
        return event

    def run(self, until_s: float = math.inf) -> None:
        """Run all events due by ``until_s``, including those that they cause; the clock ends at ``until_s`` if that is finite."""
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
