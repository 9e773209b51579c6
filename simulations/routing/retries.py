"""Second attempts in front of a door: retries of what failed, and hedges of what is slow, both from one budget.

Rule 1: an attempt that failed before its first token is repeated after a pause; one that has begun is not, since the client has text.
Rule 2: a request without an answer after ``hedge_after_s`` is sent once more, and the attempt that ends well first counts. The other one
is not withdrawn: its engine works for nothing, as most do.
Rule 3: second attempts are a share of the traffic (the gateway's ``RetryBudget``), so that an outage is not amplified.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from foundation.measures.outcome import Status
from simulations.kernel import Order
from workloads.gateway.resilience.backoff import RetryBudget

if TYPE_CHECKING:
    from collections.abc import Iterator

    from foundation.measures.outcome import RequestRecord
    from simulations.kernel import Event, Loop
    from simulations.serving.port import EngineRequest
    from simulations.world import Door, OnEnd


class RetryDoor:
    """Sends requests to ``inner``, up to ``attempts`` times each.

    ``numbers`` gives unique indexes to second attempts. ``sent`` counts attempts, ``repeated`` those that were not the first.
    """

    def __init__(
        self,
        inner: Door,
        loop: Loop,
        numbers: Iterator[int],
        *,
        attempts: int = 3,
        pause_s: float = 0.1,
        hedge_after_s: float | None = None,
        budget: RetryBudget | None = None,
    ) -> None:
        self.sent = self.repeated = 0
        self.inner = inner
        self.loop = loop
        self.numbers = numbers
        self.attempts = attempts
        self.pause_s = pause_s
        self.hedge_after_s = hedge_after_s
        self.budget = budget or RetryBudget()

    def submit(self, request: EngineRequest, on_end: OnEnd) -> None:
        """Accept ``request`` now."""
        self.budget.earn()
        _Attempts(self, request, on_end).send(request)


@dataclass(slots=True, eq=False)
class _Attempts:
    """The attempts at one request."""

    door: RetryDoor
    request: EngineRequest
    on_end: OnEnd
    made: int = 0
    in_flight: int = 0
    over: bool = False
    hedging: Event | None = None

    def send(self, attempt: EngineRequest) -> None:
        door = self.door
        self.made += 1
        self.in_flight += 1
        door.sent += 1
        door.repeated += self.made > 1
        if self.made == 1 and door.hedge_after_s is not None and door.attempts > 1:
            self.hedging = door.loop.at(door.loop.now_s + door.hedge_after_s, self._again, Order.ARRIVAL)
        door.inner.submit(attempt, self._ended)

    def _again(self) -> None:
        """Send the request once more if its first attempt is still under way; a retry after a failure has its own pause."""
        if self.in_flight and self.made == 1 and self.door.budget.spend():
            self._retry()

    def _retry(self) -> None:
        if not self.over:
            self.send(replace(self.request, index=next(self.door.numbers)))

    def _ended(self, _: EngineRequest, record: RequestRecord) -> None:
        self.in_flight -= 1
        if self.over:
            return
        door = self.door
        failed_early = record.status is Status.FAILED and record.first_token_s is None
        if failed_early and self.in_flight:
            return  # the other attempt may still end well
        if failed_early and self.made < door.attempts and door.budget.spend():
            door.loop.at(door.loop.now_s + door.pause_s * 2 ** (self.made - 1), self._retry, Order.ARRIVAL)
            return
        self.over = True
        if self.hedging:
            self.hedging.cancel()
        self.on_end(self.request, record)
