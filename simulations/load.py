"""A planned load as a participant of a run: each request is sent at its time, regardless of the others (open loop)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from foundation.measures.outcome import Status
from simulations.kernel import Order
from simulations.serving.port import EngineRequest

if TYPE_CHECKING:
    from foundation.measures.outcome import RequestRecord
    from simulations.backlog import Backlog
    from simulations.world import OnEnd, World
    from stacks.traffic import PlannedRequest


@dataclass(frozen=True, slots=True)
class OpenLoopLoad:
    """``on_send`` is called with each request when it is sent, ``on_end`` when it has ended; none is sent once ``backlog`` only grows."""

    plan: Sequence[PlannedRequest]
    on_send: Callable[[EngineRequest], None]
    on_end: OnEnd
    backlog: Backlog | None = None

    def join(self, world: World) -> None:
        """Schedule the first request; each request schedules the next one, so that the heap stays small."""
        loop, door, backlog, on_end = world.loop, world.door, self.backlog, self.on_end
        coming = enumerate(self.plan)

        def ended(request: EngineRequest, record: RequestRecord) -> None:
            if backlog is not None:
                backlog.end(good=record.status is Status.OK)
            on_end(request, record)

        def send(request: EngineRequest) -> None:
            if backlog is not None:
                backlog.arrive(request.at_s)
                if backlog.grows_per_s is not None:
                    return
            wait_for_next()
            self.on_send(request)
            door.submit(request, ended)

        def wait_for_next() -> None:
            if (following := next(coming, None)) is not None:
                index, planned = following
                request = EngineRequest(index, planned.at_s, planned.prompt_tokens, planned.output_tokens, planned.blocks)
                loop.at(planned.at_s, lambda: send(request), Order.ARRIVAL)

        wait_for_next()
