"""One queue in front of several equal servers: first come, first served, with room for everybody or for few.

Its counters are integrals over the sample path, so that Little's law (L = λW) is an identity of any path that starts and ends empty, and
not a statistic (Little, A Proof for the Queuing Formula L = λW, Operations Research 9 (1961) 383).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from simulations.kernel import Loop, Order


class Station:
    """A G/G/c/K station on ``loop``.

    Args:
        loop: the clock.
        servers: number of servers, at least 1.
        service_s: draws the service time of the next customer in seconds.
        room: customers that may be in the station, those in service included; one more is turned away.
        on_wait: called with the wait of each customer when its service begins, or with infinity when it is turned away.

    ``arrived`` counts all customers, ``blocked`` those turned away, ``served`` those that have left. ``waited_s`` is the sum of the waiting
    times, ``stayed_s`` that of waiting and service. ``present_s`` is the integral of the number present over time, until ``changed_s``, the
    time of the last change.
    """

    def __init__(
        self,
        loop: Loop,
        servers: int,
        service_s: Callable[[], float],
        *,
        room: float = math.inf,
        on_wait: Callable[[float], None] | None = None,
    ) -> None:
        if servers < 1 or room < servers:
            raise ValueError(f"{servers} servers and room for {room}: at least one server, and room for as many customers")
        self._loop, self._servers, self._service_s, self._room, self._on_wait = loop, servers, service_s, room, on_wait
        self._queue: deque[float] = deque()
        self._busy = 0
        self.changed_s = loop.now_s
        self.arrived = self.blocked = self.served = 0
        self.waited_s = self.stayed_s = self.present_s = 0.0

    @property
    def present(self) -> int:
        """Customers waiting and in service."""
        return self._busy + len(self._queue)

    def arrive(self) -> None:
        """Take in a customer now, or turn it away if the room is full."""
        self.arrived += 1
        if self._busy + len(self._queue) >= self._room:
            self.blocked += 1
            if self._on_wait is not None:
                self._on_wait(math.inf)
            return
        now_s = self._loop.now_s
        self._integrate(now_s)
        if self._busy < self._servers:
            self._busy += 1
            self._serve(now_s, now_s)
        else:
            self._queue.append(now_s)

    def _serve(self, came_s: float, now_s: float) -> None:
        waited_s = now_s - came_s
        self.waited_s += waited_s
        if self._on_wait is not None:
            self._on_wait(waited_s)
        self._loop.at(now_s + self._service_s(), lambda: self._leave(came_s), Order.STEPS)

    def _leave(self, came_s: float) -> None:
        now_s = self._loop.now_s
        self._integrate(now_s)
        self.served += 1
        self.stayed_s += now_s - came_s
        if self._queue:
            self._serve(self._queue.popleft(), now_s)
        else:
            self._busy -= 1

    def _integrate(self, now_s: float) -> None:
        self.present_s += (now_s - self.changed_s) * (self._busy + len(self._queue))
        self.changed_s = now_s
