"""Which replica takes the next request: round robin, like the targets of the load test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from foundation.measures.outcome import RequestRecord, Status

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from simulations.serving.port import EngineRequest
    from simulations.world import OnEnd, Replica

_NO_REPLICA: Final = "no replica was there to take it"


class RoundRobin:
    """Chooses ``replicas`` in turn and skips those that are down. It does not know how long a response will be."""

    def __init__(self, replicas: Sequence[str]) -> None:
        self._replicas = replicas
        self._turn = 0

    def choose(self, away: Collection[str] = ()) -> str | None:
        """Return the next replica; None if all are ``away``."""
        for _ in self._replicas:
            replica = self._replicas[self._turn % len(self._replicas)]
            self._turn += 1
            if replica not in away:
                return replica
        return None


class RoundRobinDoor:
    """Sends each request directly to the next replica, without retries. Engines must call ``on_end``."""

    def __init__(self, replicas: Mapping[str, Replica]) -> None:
        self._replicas = replicas
        self._turns: RoundRobin | None = None
        self._waiting: dict[int, OnEnd] = {}

    def submit(self, request: EngineRequest, on_end: OnEnd) -> None:
        """Accept ``request`` now."""
        if self._turns is None:
            self._turns = RoundRobin(tuple(self._replicas))
        name = self._turns.choose([replica.name for replica in self._replicas.values() if replica.unlisted])
        if name is None:
            on_end(request, _lost(request, "", _NO_REPLICA))
        elif (replica := self._replicas[name]).down:
            on_end(request, _lost(request, name, replica.why_down))
        else:
            self._waiting[request.index] = on_end
            replica.engine.offer(request)

    def on_end(self, request: EngineRequest, record: RequestRecord) -> None:
        """Notify the sender of ``request`` that it has ended."""
        self._waiting.pop(request.index)(request, record)


def _lost(request: EngineRequest, replica: str, why: str) -> RequestRecord:
    at = request.at_s
    return RequestRecord(at, at, None, at, request.prompt_tokens, 0, replica, status=Status.FAILED, error=why)
