"""A planned load as a participant of a run: each request is sent at its time, regardless of the others (open loop)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulations.kernel import Order
from simulations.serving.port import EngineRequest

if TYPE_CHECKING:
    from simulations.world import OnEnd, World
    from stacks.traffic import PlannedRequest


@dataclass(frozen=True, slots=True)
class OpenLoopLoad:
    """``on_send`` is called with each request when it is sent, ``on_end`` when it has ended."""

    plan: Sequence[PlannedRequest]
    on_send: Callable[[EngineRequest], None]
    on_end: OnEnd

    def join(self, world: World) -> None:
        """Schedule the first request; each request schedules the next one, so that the heap stays small."""
        loop, door = world.loop, world.door
        coming = enumerate(self.plan)

        def send(request: EngineRequest) -> None:
            wait_for_next()
            self.on_send(request)
            door.submit(request, self.on_end)

        def wait_for_next() -> None:
            if (following := next(coming, None)) is not None:
                index, planned = following
                request = EngineRequest(index, planned.at_s, planned.prompt_tokens, planned.output_tokens)
                loop.at(planned.at_s, lambda: send(request), Order.ARRIVAL)

        wait_for_next()
