"""Admission in front of a door: how much may be in flight, who waits, who goes first, and who is turned away.

Rule 1: requests beyond the limits wait in the queue of their class; the most urgent class goes first, within a class who came first.
Rule 2: limits count requests and their prompt tokens. The length of answers is not known here.
Rule 3: a request is shed at once if the queue of its class is full, and when it has waited for longer than its class waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from foundation.measures.outcome import RequestRecord, Status
from simulations.errors import TwinError
from simulations.kernel import Order

if TYPE_CHECKING:
    from simulations.kernel import Event, Loop
    from simulations.serving.port import EngineRequest
    from simulations.world import Door, OnEnd


@dataclass(frozen=True, slots=True)
class ServiceClass:
    """A class of requests: up to ``queue`` of them wait, each for at most ``patience_s`` seconds."""

    name: str
    queue: int = 1000
    patience_s: float = float("inf")


@dataclass(slots=True)
class _Waiting:
    request: EngineRequest
    on_end: OnEnd
    leaving: Event | None = None


class AdmissionDoor:
    """Lets up to ``most_requests`` requests with ``most_tokens`` prompt tokens in all through to ``inner``.

    ``classes`` are in the order of their urgency, and ``class_of`` says which one a request has, by its number.
    """

    def __init__(
        self,
        inner: Door,
        loop: Loop,
        classes: Sequence[ServiceClass],
        class_of: Callable[[EngineRequest], int],
        *,
        most_requests: int,
        most_tokens: float = float("inf"),
    ) -> None:
        if not classes or most_requests < 1:
            raise TwinError(f"admission with {len(classes)} classes and {most_requests} requests in flight lets nobody in; give at least 1")
        self.shed = dict.fromkeys((one.name for one in classes), 0)
        self._inner = inner
        self._loop = loop
        self._classes = classes
        self._class_of = class_of
        self._most_requests = most_requests
        self._most_tokens = most_tokens
        self._queues: list[deque[_Waiting]] = [deque() for _ in classes]
        self._requests = 0
        self._tokens = 0

    def submit(self, request: EngineRequest, on_end: OnEnd) -> None:
        """Accept ``request`` now, let it wait, or turn it away."""
        number = self._class_of(request)
        queue, rules = self._queues[number], self._classes[number]
        if not any(self._queues[: number + 1]) and self._fits(request):
            self._enter(request, on_end)
        elif len(queue) >= rules.queue:
            self._turn_away(request, on_end, number, f"{rules.queue} requests of class {rules.name} wait already")
        else:
            waiting = _Waiting(request, on_end)
            queue.append(waiting)
            if rules.patience_s < float("inf"):
                waiting.leaving = self._loop.at(self._loop.now_s + rules.patience_s, lambda: self._give_up(waiting, number), Order.LEAVING)

    def _fits(self, request: EngineRequest) -> bool:
        """Whether ``request`` is within the limits; one that is larger than all of them goes alone."""
        if self._requests == 0:
            return True
        return self._requests < self._most_requests and self._tokens + request.prompt_tokens <= self._most_tokens

    def _enter(self, request: EngineRequest, on_end: OnEnd) -> None:
        self._requests += 1
        self._tokens += request.prompt_tokens

        def ended(request: EngineRequest, record: RequestRecord) -> None:
            self._requests -= 1
            self._tokens -= request.prompt_tokens
            on_end(request, record)
            self._next()

        self._inner.submit(request, ended)

    def _next(self) -> None:
        for queue in self._queues:
            while queue and self._fits(queue[0].request):
                waiting = queue.popleft()
                if waiting.leaving:
                    waiting.leaving.cancel()
                self._enter(waiting.request, waiting.on_end)
            if queue:
                return  # a less urgent one does not overtake

    def _give_up(self, waiting: _Waiting, number: int) -> None:
        self._queues[number].remove(waiting)
        rules = self._classes[number]
        self._turn_away(waiting.request, waiting.on_end, number, f"waited for {rules.patience_s:g} s in class {rules.name}")

    def _turn_away(self, request: EngineRequest, on_end: OnEnd, number: int, why: str) -> None:
        self.shed[self._classes[number].name] += 1
        record = RequestRecord(
            request.at_s, request.at_s, None, self._loop.now_s, request.prompt_tokens, 0, "", status=Status.REJECTED, error=f"shed: {why}"
        )
        on_end(request, record)
