"""The port: what the programs of a federation see of the transport.

Rule 1: a message arrives once and in order while both processes live, whatever happens to the connections between them.
Rule 2: a process that is started again knows nothing of what it had sent or received. Whoever talks to it is told, by
:class:`Reconnected` at a link, and by the client's new ``Join`` at the hub.
Rule 3: a message comes from whom its certificate names. An envelope that names another sender is refused.
Rule 4: of two processes with the same name the later one holds it; the earlier one is refused from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

from workloads.federation.rounds.messages import ToClient, ToServer
from workloads.federation.transport.codec import Codec

CODEC = Codec(ToServer, ToClient)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a peer may use.

    Attributes:
        message_bytes: largest frame: a model of 4 million parameters by default.
        waiting: messages of one client that may wait, in either direction. In the server's direction more are refused until some are
            taken, and the client tries again. In the other one the oldest is dropped: it belongs to a round that is over.
        read_s: seconds for a TLS handshake, or for the rest of a request once it has begun.
        idle_s: seconds that a connection may be idle before it is closed. The client opens another one when it needs it.
        poll_s: seconds that the server holds a request that it cannot answer yet: no message is there, or too many are.
        give_up_s: seconds that a client tries to reach a server that is away.
    """

    message_bytes: int = 32 * 2**20
    waiting: int = 16
    read_s: float = 30.0
    idle_s: float = 120.0
    poll_s: float = 20.0
    give_up_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The server was started again: what the client sent before may be lost, and it must join again."""


class Hub(Protocol):
    """The server's side. Its methods may be called from any thread."""

    def send(self, message: ToClient) -> None:
        """Leave a message for its receiver; does not wait.

        Raises:
            TransportError: nobody has this name.
            WireError: the message cannot be written, or is larger than the limit.
        """

    def receive(self, timeout_s: float) -> ToServer | None:
        """Return the next message of any client; None if there is none within the time."""

    def close(self) -> None:
        """End all connections."""

    def __enter__(self) -> Self:
        """Return itself."""

    def __exit__(self, *_: object) -> None:
        """Close it."""


class Link(Protocol):
    """A client's side; for one thread."""

    def send(self, message: ToServer) -> None:
        """Send a message; returns when the server has it.

        Raises:
            TransportError: the server is away for too long, or refuses the message or this client; the text says why.
            WireError: the message cannot be written, or is larger than the limit.
        """

    def receive(self, timeout_s: float) -> ToClient | Reconnected | None:
        """Return the next message; None if there is none within the time. Takes longer where the server is away.

        Raises:
            TransportError: the server is away for too long, or refuses this client.
            WireError: what came is no message.
        """

    def close(self) -> None:
        """End the connection."""

    def __enter__(self) -> Self:
        """Return itself."""

    def __exit__(self, *_: object) -> None:
        """Close it."""
