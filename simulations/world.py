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

    ``replicas`` are the engines by name; ``make`` makes one, and :meth:`start` adds it.
    """

    loop: Loop
    streams: Streams
    replicas: dict[str, Replica]
    door: Door
    make: Callable[[str], Engine]

    def start(self, name: str) -> None:
        """Start another replica, which takes requests from now on."""
        self.replicas[name] = Replica(name, self.make(name))


@dataclass
class Replica:
    """An engine and its availability. Outages are counted, because several may overlap.

    ``down``: current outages; requests sent to it fail. ``unlisted``: those of them that clients have noticed. ``busy_s``: seconds during
    which it had requests, up to the last change.
    """

    name: str
    engine: Engine
    down: int = 0
    unlisted: int = 0
    busy_s: float = 0.0
    _requests: int = 0
    _since_s: float = 0.0

    def begin(self, now_s: float) -> None:
        """Count a request that it gets now."""
        if not self._requests:
            self._since_s = now_s
        self._requests += 1

    def end(self, now_s: float) -> None:
        """Count the end of a request."""
        self._requests -= 1
        if not self._requests:
            self.busy_s += now_s - self._since_s

    def busy_until(self, now_s: float) -> float:
        """Return the seconds until ``now_s`` during which it had requests."""
        return self.busy_s + (now_s - self._since_s if self._requests else 0.0)

    @property
    def why_down(self) -> str:
        """The error of requests that fail because the replica is down."""
        return f"replica {self.name} went away"


class Participant(Protocol):
    """Takes part in a run."""

    def join(self, world: World) -> None:
        """Schedule the first events on the loop of ``world``."""
