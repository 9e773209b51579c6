"""One run of a simulation: the clock, the engines, the door in front of them, and the participants.

Rule 1: whatever takes part in a run (a load, an outage, a fault, a job, an autoscaler) is a :class:`Participant`. It joins the world once,
before the clock starts, and from then on acts through the loop; so a participant more needs no change in any other.
Rule 2: requests go through the door, which decides where they are served. The sender gets a callback at its end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from foundation.measures.outcome import RequestRecord
    from simulations.kernel import Loop, Streams
    from simulations.serving import Engine, EngineRequest

#: Is called with a request and its record at the moment at which the client learns of the end.
OnEnd = Callable[["EngineRequest", "RequestRecord"], None]


class Door(Protocol):
    """Takes requests and has them served: a router, or a gateway with its limits, retries and breakers."""

    def submit(self, request: EngineRequest, on_end: OnEnd) -> None:
        """Take ``request`` now; ``on_end`` is called once, at once where it is refused."""


@dataclass
class World:
    """What the participants of one run share.

    ``replicas`` are the engines by name. A door or a scaler that starts another adds it here.
    """

    loop: Loop
    streams: Streams
    replicas: dict[str, Replica]
    door: Door


@dataclass
class Replica:
    """An engine and how it is reached. An outage of it is counted, because several may overlap.

    ``down``: outages at this moment; what is sent to it fails. ``unlisted``: of those, the ones that clients have noticed.
    """

    name: str
    engine: Engine
    down: int = 0
    unlisted: int = 0

    @property
    def why_down(self) -> str:
        """The error of requests that it fails."""
        return f"replica {self.name} went away"


class Participant(Protocol):
    """Takes part in a run."""

    def join(self, world: World) -> None:
        """Put the first events on the loop of ``world``."""
