"""Events in order of time.

Rule 1: the clock never goes back.
Rule 2: events at one time come in order of their rank, then in the order in which they were added: one input, one order.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

Event = TypeVar("Event")


class Timeline(Generic[Event]):
    """A heap of events; iterating takes them out in order, also those added meanwhile. ``now_s`` is the time of the latest one."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._heap: list[tuple[float, int, int, Event]] = []
        self._added = 0

    def add(self, at_s: float, event: Event, *, rank: int = 0) -> None:
        """Add an event; at one time a lower ``rank`` comes first.

        Raises:
            ValueError: ``at_s`` is before ``now_s``.
        """
        if at_s < self.now_s:
            raise ValueError(f"an event at {at_s} s, and it is {self.now_s} s already")
        heapq.heappush(self._heap, (at_s, rank, self._added, event))
        self._added += 1

    def __len__(self) -> int:
        return len(self._heap)

    def __iter__(self) -> Iterator[tuple[float, Event]]:
        while self._heap:
            self.now_s, _, _, event = heapq.heappop(self._heap)
            yield self.now_s, event
