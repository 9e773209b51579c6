"""The messages of one server process: who speaks for each client, what it has sent, and what waits for it.

The hub itself, for threads of one process. The adapter over TLS adds connections, and serves each in a thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from secrets import token_hex
from threading import Condition
from typing import Self

from workloads.federation.errors import TransportError, WireError
from workloads.federation.rounds.messages import ToClient, ToServer
from workloads.federation.transport.port import CODEC, Limits


@dataclass(slots=True)
class _Mailbox:
    outbox: deque[tuple[int, bytes]]
    process: str = ""
    replaced: set[str] = field(default_factory=set)
    last_received: int = 0
    last_sent: int = 0
    untaken: int = 0


class Exchange:
    """A hub. Frames are numbered in both directions, so a repeat is known as one.

    Args:
        clients: names of all clients.
        limits: what a client may use.
    """

    def __init__(self, clients: Iterable[str], limits: Limits) -> None:
        self.process = token_hex(8)
        """Tells this server process from the one before it."""
        self.closed = False
        self._limits = limits
        self._mailboxes = {name: _Mailbox(deque(maxlen=limits.waiting)) for name in clients}
        self._inbox: deque[ToServer] = deque()
        self._changed = Condition()

    @property
    def clients(self) -> frozenset[str]:
        """Names of all clients."""
        return frozenset(self._mailboxes)

    def send(self, message: ToClient) -> None:
        """Leave a message for its receiver; see :class:`~workloads.federation.transport.port.Hub`."""
        if message.receiver not in self._mailboxes:
            raise TransportError(f"no client is called {message.receiver!r}")
        frame = encoded(message, self._limits)
        with self._changed:
            mailbox = self._mailboxes[message.receiver]
            mailbox.last_sent += 1
            mailbox.outbox.append((mailbox.last_sent, frame))
            self._changed.notify_all()

    def receive(self, timeout_s: float) -> ToServer | None:
        """Return the next message of any client; None if there is none within the time, or the hub is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._inbox or self.closed, timeout_s)
            if not self._inbox:
                return None
            message = self._inbox.popleft()
            self._mailboxes[message.sender].untaken -= 1
            self._changed.notify_all()
            return message

    def accept(self, client: str, process: str, sequence: int, frame: bytes) -> bool:
        """Take a frame from a client's process; False if too many wait, and go on waiting for the time of a poll.

        Raises:
            WireError: it is no message of a client, or has no number; numbers begin at 1.
            TransportError: it names another sender, or another process has taken the place of this one.
        """
        message = CODEC.decode(frame)
        if not isinstance(message, ToServer) or sequence < 1:
            raise WireError(f"client {client!r} has sent a message without a number, or one that only the server sends")
        if message.sender != client:
            raise TransportError(f"client {client!r} has sent a message in the name of {message.sender!r}")
        with self._changed:
            mailbox = self._mailboxes[client]
            self._changed.wait_for(lambda: mailbox.untaken < self._limits.waiting or self.closed, self._limits.poll_s)
            self._meet(client, process)
            if sequence <= mailbox.last_received:
                return True
            if mailbox.untaken >= self._limits.waiting or self.closed:
                return False
            mailbox.last_received = sequence
            mailbox.untaken += 1
            self._inbox.append(message)
            self._changed.notify_all()
            return True

    def next_for(self, client: str, process: str, seen: int, wait_s: float) -> tuple[int, bytes] | None:
        """Return number and frame of the first message after the ``seen`` one; None if there is none within the time.

        Raises:
            TransportError: another process has taken the place of this one.
        """
        with self._changed:
            self._meet(client, process)
            outbox = self._mailboxes[client].outbox
            while outbox and outbox[0][0] <= seen:
                outbox.popleft()
            self._changed.wait_for(lambda: outbox or self.closed, wait_s)
            self._meet(client, process)  # another one may have come meanwhile
            return outbox[0] if outbox else None

    def close(self) -> None:
        """Wake everyone who waits."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _meet(self, client: str, process: str) -> None:
        """Note which process speaks for a client: the one that came last."""
        mailbox = self._mailboxes[client]
        if process in mailbox.replaced:
            raise TransportError(f"another process has taken the place of client {client!r}; run one of each name")
        if process != mailbox.process:
            if mailbox.process:
                mailbox.replaced.add(mailbox.process)
                mailbox.outbox.clear()
                self._changed.notify_all()
            mailbox.process, mailbox.last_received = process, 0


def encoded(message: object, limits: Limits) -> bytes:
    """Return the frame of a message.

    Raises:
        WireError: it cannot be written, or is larger than the limit.
    """
    frame = CODEC.encode(message)
    if len(frame) > limits.message_bytes:
        raise WireError(f"the message has {len(frame)} bytes, and the limit is {limits.message_bytes}")
    return frame
