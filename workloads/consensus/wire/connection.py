"""A connection that sends and receives frames. What is sent in one turn of the event loop leaves in one write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from workloads.consensus.errors import ConsensusError
from workloads.consensus.wire.framing import Frames, Kind, frame


class Connection(asyncio.Protocol):
    """One side of a connection.

    Args:
        received: is called with each frame, and may raise ``ConsensusError``: then the other side is told, and the connection is closed.
        lost: is called once, with the reason or None.
        made: is called when the connection is there.
        max_bytes: of a frame.

    Attributes:
        waiting_bytes: sent, and not yet taken by the operating system.
        received_bytes: so far; a connection on which it stands still may be dead.
    """

    def __init__(
        self,
        received: Callable[[Connection, Kind, bytes], None],
        lost: Callable[[Connection, Exception | None], None],
        *,
        made: Callable[[Connection], None] | None = None,
        max_bytes: int,
    ) -> None:
        self.received_bytes = 0
        self._received = received
        self._lost = lost
        self._made = made
        self._frames = Frames(max_bytes)
        self._transport: asyncio.Transport | None = None
        self._out: list[bytes] = []
        self._reason: Exception | None = None

    @property
    def waiting_bytes(self) -> int:  # noqa: D102 - described by the class
        return self._transport.get_write_buffer_size() + sum(map(len, self._out)) if self._transport else 0

    @property
    def peer_certificate_names(self) -> list[str] | None:
        """Names in the certificate of the other side; None without TLS."""
        certificate = self._transport.get_extra_info("peercert") if self._transport else None
        if certificate is None:
            return None
        common = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
        return common + [value for _, value in certificate.get("subjectAltName", ())]

    def allow(self, max_bytes: int) -> None:
        """Allow frames of this length from now on."""
        self._frames.max_bytes = max_bytes

    def send(self, kind: Kind, body: bytes) -> None:
        """Send a frame; nothing happens on a connection that is closed."""
        if self._transport is None:
            return
        if not self._out:
            asyncio.get_running_loop().call_soon(self.flush)
        self._out.append(frame(kind, body))

    def refuse(self, error: ConsensusError) -> None:
        """Tell the other side why, and close."""
        self._reason = error
        self.send(Kind.REFUSED, str(error).encode())
        self.flush()
        self.close()

    def close(self) -> None:
        """Close, after what was sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once; what was not sent is lost."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102 - asyncio's
        self._transport = cast("asyncio.Transport", transport)
        if self._made is not None:
            self._made(self)

    def data_received(self, data: bytes) -> None:  # noqa: D102
        self.received_bytes += len(data)
        try:
            for kind, body in self._frames.feed(data):
                self._received(self, kind, body)
        except ConsensusError as error:
            self.refuse(error)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: D102
        self._transport = None
        self._out = []
        self._lost(self, self._reason or exc)

    def flush(self) -> None:
        """Send now what waits for the end of this turn of the loop."""
        if self._transport is not None and self._out:
            self._transport.write(b"".join(self._out))
        self._out = []
