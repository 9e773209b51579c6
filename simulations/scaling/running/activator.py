"""A door that holds requests while no replica is there, as the activator of a scale-to-zero platform does.

Held requests count as waiting, so they are what switches the first replica on. A client that gives up meanwhile has failed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from foundation.measures.outcome import RequestRecord, Status
from simulations.kernel import Order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulations.kernel import Event, Loop
    from simulations.serving.port import EngineRequest
    from simulations.world import Door, OnEnd, Replica

#: How the error of a request begins whose client gave up at the door.
NO_REPLICA: Final = "no replica"


class Activator:
    """Passes requests on to ``engines`` if one of ``replicas`` is listed, and holds them until :meth:`release` if none is."""

    def __init__(self, engines: Door, replicas: Mapping[str, Replica], loop: Loop, *, timeout_s: float) -> None:
        self._engines, self._replicas, self._loop, self._timeout_s = engines, replicas, loop, timeout_s
        self._held: dict[int, tuple[EngineRequest, OnEnd, Event | None]] = {}

    def __len__(self) -> int:
        return len(self._held)

    def submit(self, request: EngineRequest, on_end: OnEnd) -> None:
        """Accept ``request`` now."""
        if any(not replica.unlisted for replica in self._replicas.values()):
            self._engines.submit(request, on_end)
            return
        deadline_s = max(request.at_s + self._timeout_s, self._loop.now_s)
        leaving = None if math.isinf(deadline_s) else self._loop.at(deadline_s, lambda: self._leave(request), Order.LEAVING)
        self._held[request.index] = request, on_end, leaving

    def release(self) -> None:
        """Pass on everything that is held; a replica is there now."""
        held, self._held = self._held, {}
        for request, on_end, leaving in held.values():
            if leaving is not None:
                leaving.cancel()
            self._engines.submit(request, on_end)

    def _leave(self, request: EngineRequest) -> None:
        _, on_end, _ = self._held.pop(request.index)
        why = f"{NO_REPLICA} within {self._timeout_s:g} s"
        record = RequestRecord(
            request.at_s, request.at_s, None, self._loop.now_s, request.prompt_tokens, 0, "", status=Status.FAILED, error=why
        )
        on_end(request, record)
