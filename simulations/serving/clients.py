"""The clients of one engine: who still waits for an answer, and when they give up.

A client without a complete response ``timeout_s`` after the intended time of its request disconnects; the request fails at that moment.
"""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING

from foundation.measures.outcome import RequestRecord, Status
from simulations.kernel import Order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from simulations.kernel import Event, Loop
    from simulations.serving.port import EngineRequest


class Clients:
    """Tracks the requests of the replica ``name``.

    ``on_end`` gets each request once with its record. ``on_leave`` is called when a client has given up, and must then end the request.
    """

    def __init__(
        self,
        name: str,
        loop: Loop,
        *,
        timeout_s: float,
        on_end: Callable[[EngineRequest, RequestRecord], None],
        on_leave: Callable[[EngineRequest], None],
    ) -> None:
        self.given_up = f"no end after {timeout_s:g} s"
        self._name = name
        self._loop = loop
        self._timeout_s = timeout_s
        self._on_end = on_end
        self._on_leave = on_leave
        self._open: dict[int, EngineRequest] = {}
        self._deadlines: list[tuple[float, int]] = []
        self._leaving: Event | None = None  # the earliest deadline of a client that waits

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, request: EngineRequest) -> bool:
        return request.index in self._open

    def __iter__(self) -> Iterator[EngineRequest]:
        return iter(self._open.values())

    def enter(self, request: EngineRequest) -> None:
        """Record that the client of ``request`` waits from now on."""
        self._open[request.index] = request
        if math.isinf(self._timeout_s):
            return
        heapq.heappush(self._deadlines, (request.at_s + self._timeout_s, request.index))
        if self._leaving is None or self._leaving.at_s > self._deadlines[0][0]:
            self._set_leaving()

    def end(
        self,
        request: EngineRequest,
        at_s: float,
        status: Status,
        *,
        first_token_s: float | None = None,
        done: int = 0,
        why: str | None = None,
    ) -> None:
        """Tell the client how its request ended; ``done`` tokens had been generated."""
        del self._open[request.index]
        record = RequestRecord(
            intended_s=request.at_s,
            sent_s=request.at_s,
            first_token_s=first_token_s,
            finished_s=at_s,
            prompt_tokens=request.prompt_tokens,
            output_tokens=done,
            replica=self._name,
            status=status,
            error=why,
        )
        self._on_end(request, record)

    def _set_leaving(self) -> None:
        """Wake up at the next deadline of a waiting client; those of requests that have ended are discarded."""
        while self._deadlines and self._deadlines[0][1] not in self._open:
            heapq.heappop(self._deadlines)
        if self._leaving:
            self._leaving.cancel()
        self._leaving = self._loop.at(self._deadlines[0][0], self._leave, Order.LEAVING) if self._deadlines else None

    def _leave(self) -> None:
        now_s = self._loop.now_s
        self._leaving = None
        while self._deadlines and self._deadlines[0][0] <= now_s:
            _, index = heapq.heappop(self._deadlines)
            if (request := self._open.get(index)) is not None:
                self._on_leave(request)
        self._set_leaving()
