"""A TCP connection for one exchange, directly on the event loop's selector.

asyncio's own transports cost about as much as all other work of the generator for a request: a task, two futures and five iterations of the
loop before the first byte. TLS needs them; plain HTTP, which most load tests use, does not.

The loop gets file descriptors, not sockets. It checks for registration by catching the selector's KeyError, and for a socket object the
selector formats the name and both addresses into that error each time.

``SO_RCVLOWAT`` (socket(7)) sets how many bytes the kernel collects before it wakes the process. With few streams in flight, each frame
would otherwise wake a sleeping process, which costs three times as much as reading the frame. The end of the connection wakes it in any
case.
"""

from __future__ import annotations

import contextlib
import socket
from errno import EAGAIN, EINPROGRESS, ENOTCONN, EWOULDBLOCK
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

    from loadtests.exchange import Exchange

_UNDER_WAY: Final = frozenset({EAGAIN, EINPROGRESS, ENOTCONN, EWOULDBLOCK})
_READ_BYTES: Final = 65_536


class PlainConnection:
    """Connects and transfers data for ``exchange``; every failure is reported to it and nothing is raised."""

    __slots__ = ("_broken", "_connected", "_descriptor", "_exchange", "_loop", "_rest", "_socket", "_unwatched", "_waits_to_write")

    def __init__(self, loop: asyncio.AbstractEventLoop, exchange: Exchange) -> None:
        self._loop = loop
        self._exchange = exchange
        self._connected = False
        self._broken: OSError | None = None
        self._rest = b""
        self._socket: socket.socket | None = None
        self._descriptor = -1
        self._unwatched = 0
        self._waits_to_write = False

    def open(self, address: str, port: int) -> None:
        """Start the connect and send the request, immediately if the connection is established at once, as on loopback."""
        self._exchange.attach(self)
        try:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            self._socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            with contextlib.suppress(BlockingIOError):  # in progress
                self._socket.connect((address, port))
        except OSError as error:
            self._exchange.connect_failed(error)
            return
        self._descriptor = self._socket.fileno()
        self._loop.add_reader(self._descriptor, self._readable)
        self._exchange.send()

    def write(self, data: bytes) -> None:
        """Send ``data`` now, or as soon as the socket is writable."""
        assert self._socket is not None, "opened first"
        try:
            sent = self._socket.send(data)
        except OSError as error:
            if error.errno not in _UNDER_WAY:
                if not self._connected:
                    self._exchange.connect_failed(error)
                # A server that rejects a long prompt sends a response and closes: read the response first; its end ends the exchange.
                self._broken = error
                return
            sent = 0
        else:
            self._connected = True
        self._rest = data[sent:]
        if self._rest:
            # The rest of a request must not wait for an acknowledgement (Nagle's algorithm).
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._waits_to_write = True
            self._loop.add_writer(self._descriptor, self._writable)

    def abort(self) -> None:
        """Close it; a second call does nothing."""
        if self._socket is not None:
            if self._descriptor >= 0:
                self._loop.remove_reader(self._descriptor)
            self._stop_waiting()
            self._socket.close()
            self._socket = None

    def _writable(self) -> None:
        if self._socket is not None:
            self._stop_waiting()
            self.write(self._rest)

    def _stop_waiting(self) -> None:
        if self._waits_to_write:
            self._waits_to_write = False
            self._loop.remove_writer(self._descriptor)

    def _readable(self) -> None:
        if self._socket is None:
            return
        try:
            data = self._socket.recv(_READ_BYTES)
        except OSError as error:
            if error.errno not in _UNDER_WAY:
                self._failed(error)
            return
        if data:
            self._exchange.data_received(data)
            self._sleep_through(self._exchange.unwatched_bytes)
        else:
            self._exchange.connection_lost(self._broken)

    def _sleep_through(self, size: int) -> None:
        """Wake up after ``size`` bytes; 0 means the next byte."""
        if size != self._unwatched and self._socket is not None:
            self._unwatched = size
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, max(1, size))

    def _failed(self, error: OSError) -> None:
        if self._connected:
            self._exchange.connection_lost(error)
        else:
            self._exchange.connect_failed(error)
