"""The door in front of a set of engines: a routing policy, and a circuit breaker for each engine if it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from foundation.measures.outcome import RequestRecord, Status
from workloads.gateway.resilience.breaker import Breaker, BreakerRules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulations.kernel import Loop
    from simulations.routing.policies import Policy
    from simulations.serving.port import EngineRequest
    from simulations.world import OnEnd, Replica

_NO_REPLICA: Final = "no replica was there to take it"


class RouterDoor:
    """Sends each request directly to the replica that ``policy`` chooses, without retries. Engines must call ``on_end``.

    With ``breakers``, a replica whose requests fail or are slow gets none for a while.
    """

    def __init__(self, replicas: Mapping[str, Replica], policy: Policy, loop: Loop, *, breakers: BreakerRules | None = None) -> None:
        self._replicas = replicas
        self._policy = policy
        self._loop = loop
        self._rules = breakers
        self._breakers: dict[str, Breaker] = {}
        self._waiting: dict[int, OnEnd] = {}

    def submit(self, request: EngineRequest, on_end: OnEnd) -> None:
        """Accept ``request`` now."""
        now_s = self._loop.now_s
        there = [replica for replica in self._replicas.values() if not replica.unlisted]
        if self._rules is not None:
            there = [replica for replica in there if self._breaker(replica.name).allows(now_s)]
        if not there:
            on_end(request, _lost(request, "", now_s, _NO_REPLICA))
            return
        replica = self._policy.choose(request, there, now_s)
        if self._rules is not None:
            self._breaker(replica.name).enter(now_s)
        self._waiting[request.index] = on_end
        replica.begin(now_s)
        if replica.down:
            self.on_end(request, _lost(request, replica.name, now_s, replica.why_down))
        else:
            replica.engine.offer(request)

    def on_end(self, request: EngineRequest, record: RequestRecord) -> None:
        """Notify the sender of ``request`` that it has ended."""
        self._replicas[record.replica].end(self._loop.now_s)
        if self._rules is not None:
            took_s = (record.ttft_ms or record.e2e_ms) / 1e3
            self._breaker(record.replica).leave(self._loop.now_s, failed=record.status is Status.FAILED, took_s=took_s)
        self._waiting.pop(request.index)(request, record)

    def _breaker(self, name: str) -> Breaker:
        if name not in self._breakers:
            assert self._rules is not None, "only asked for with rules"
            self._breakers[name] = Breaker(self._rules)
        return self._breakers[name]


def _lost(request: EngineRequest, replica: str, now_s: float, why: str) -> RequestRecord:
    """Return the record of a request that nobody served."""
    return RequestRecord(request.at_s, request.at_s, None, now_s, request.prompt_tokens, 0, replica, status=Status.FAILED, error=why)
