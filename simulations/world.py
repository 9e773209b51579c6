"""One run of a simulation: the clock, the engines, the door in front of them, and the participants.

Rule 1: whatever takes part in a run (a load, an outage, a fault, a job, an autoscaler) is a :class:`Participant`. It joins the world once,
before the clock starts, and from then on acts through the loop, so a new participant requires no change in the others.
Rule 2: requests go through the door, which decides where they are served. The sender gets a callback when a request ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from foundation.measures.outcome import RequestRecord
    from simulations.kernel import Loop, Streams
    from simulations.serving import Engine, EngineRequest

#: Called with a request and its record at the time at which the client learns of the end.
OnEnd = Callable[["EngineRequest", "RequestRecord"], None]


class Door(Protocol):
    """Accepts requests and has them served: a router, or a gateway with limits, retries and circuit breakers."""

    def submit(self, request: EngineRequest, on_end: OnEnd) -> None:
        """Accept ``request`` now; ``on_end`` is called exactly once, immediately if the request is rejected."""


@dataclass
class World:
    """The state shared by the participants of one run.

    ``replicas`` are the engines by name. A door or an autoscaler that starts another one adds it here.
    """

    loop: Loop
    streams: Streams
    replicas: dict[str, Replica]
    door: Door


@dataclass
class Replica:
    """An engine and its availability. Outages are counted, because several may overlap.

    ``down``: current outages; requests sent to it fail. ``unlisted``: those of them that clients have noticed.
    """

    name: str
    engine: Engine
    down: int = 0
    unlisted: int = 0

    @property
    def why_down(self) -> str:
        """The error of requests that fail because the replica is down."""
        return f"replica {self.name} went away"


class Participant(Protocol):
    """Takes part in a run."""

    def join(self, world: World) -> None:
        """Schedule the first events on the loop of ``world``."""
