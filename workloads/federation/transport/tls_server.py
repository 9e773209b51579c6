"""The hub between processes: HTTP/1.1 over mutual TLS, a thread for each connection.

``POST /v1/messages`` brings one frame, ``GET /v1/messages`` waits for one. Numbers in the headers make repeats harmless: a client repeats
what it has no answer to, and says with each request what it has received.
"""

from __future__ import annotations

import logging
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from threading import Lock, Thread, current_thread
from typing import Final

from workloads.federation.errors import FederationError, TransportError, WireError
from workloads.federation.transport.credentials import Credentials, identity_of
from workloads.federation.transport.exchange import Exchange
from workloads.federation.transport.port import Hub, Limits
from workloads.federation.transport.requests import HEAD_BYTES, PATH, PROCESS, SEQUENCE, Head, answer, read_head

_LOG: Final = logging.getLogger(__name__)
_END: Final = b"\r\n\r\n"
#: Connections beyond those that the clients need: new ones while the old ones have not ended, and strangers.
_MORE_CONNECTIONS: Final = 64


def serve(listener: socket.socket, credentials: Credentials, clients: Mapping[str, str], limits: Limits | None = None) -> Hub:
    """Serve on a listening socket, which is closed with the hub.

    Args:
        listener: see :func:`foundation.processes.serving.listen`.
        credentials: the server's own. The files are read again for each connection, so they may be renewed.
        clients: names of clients by the identities in their certificates; nobody else is served.
        limits: what a client may use.

    Raises:
        TransportError: a file of the credentials is missing or is not what it should be.
    """
    return _Hub(listener, credentials, clients, limits or Limits())


class _Refusal(Exception):  # noqa: N818 - an answer rather than an error
    def __init__(self, status: str, text: str) -> None:
        super().__init__(text)
        self.status = status


class _Stream:
    """Reads a connection, each part within its time; raises OSError where the peer is too slow or gone."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        self._connection = connection
        self._buffer = b""

    def head(self, idle_s: float, read_s: float) -> bytes:
        if not self._buffer:
            self._fill(time.monotonic() + idle_s)
        until = time.monotonic() + read_s
        while (end := self._buffer.find(_END)) < 0:
            if len(self._buffer) > HEAD_BYTES:
                raise _Refusal("431 Request Header Fields Too Large", f"a head is longer than {HEAD_BYTES} bytes")
            self._fill(until)
        end += len(_END)
        head, self._buffer = self._buffer[:end], self._buffer[end:]
        return head

    def body(self, count: int, read_s: float) -> bytes:
        until = time.monotonic() + read_s
        parts = [self._buffer]
        missing = count - len(self._buffer)
        while missing > 0:
            self._buffer = b""
            self._fill(until)
            parts.append(self._buffer)
            missing -= len(self._buffer)
        whole = b"".join(parts)
        self._buffer = whole[count:]
        return whole[:count]

    def _fill(self, until: float) -> None:
        self._connection.settimeout(max(0.001, until - time.monotonic()))
        data = self._connection.recv(65536)
        if not data:
            raise ConnectionResetError("the peer has ended the connection")
        self._buffer += data


class _Hub(Exchange):
    def __init__(self, listener: socket.socket, credentials: Credentials, clients: Mapping[str, str], limits: Limits) -> None:
        super().__init__(clients.values(), limits)
        self._listener = listener
        self._credentials = credentials
        credentials.context(server=True)
        self._names = dict(clients)
        self._lock = Lock()
        self._connections: dict[Thread, socket.socket] = {}
        self._acceptor = Thread(target=self._accept_connections, name="federation hub", daemon=True)
        self._acceptor.start()

    def close(self) -> None:
        super().close()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        with self._lock:
            connections = dict(self._connections)
        for thread, connection in connections.items():
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # not that of TLS, which another thread may be using
            thread.join()

    def _accept_connections(self) -> None:
        with suppress(OSError):
            while not self.closed:
                connection, (address, *_) = self._listener.accept()
                if len(self._connections) >= len(self._names) + _MORE_CONNECTIONS:
                    _LOG.warning("%s: too many connections", address)
                    connection.close()
                    continue
                thread = Thread(target=self._serve_connection, args=(connection, address), name=f"federation {address}", daemon=True)
                with self._lock:
                    self._connections[thread] = connection
                thread.start()

    def _serve_connection(self, plain: socket.socket, address: str) -> None:
        try:
            plain.settimeout(self._limits.read_s)
            with plain, self._credentials.context(server=True).wrap_socket(plain, server_side=True) as connection:
                with self._lock:
                    self._connections[current_thread()] = connection
                client = self._names.get(identity_of(connection.getpeercert() or {}))
                stream = _Stream(connection)
                while not self.closed and self._serve_request(connection, stream, client, address):
                    pass
        except OSError as error:
            # A peer that went away or was too slow comes again if it wants to.
            _LOG.info("%s: %s", address, error)
        except TransportError as error:
            _LOG.warning("%s is not served: %s", address, error)  # renewed credentials that do not fit together yet
        finally:
            with self._lock:
                del self._connections[current_thread()]

    def _serve_request(self, connection: ssl.SSLSocket, stream: _Stream, client: str | None, address: str) -> bool:
        """Serve one request; return whether the connection may have another."""
        again = True
        try:
            response = answer(*self._answer(stream, client))
        except _Refusal as refusal:
            _LOG.warning("refused a request of %s: %s", client or address, refusal)
            # A body that was not read would be taken for the next request.
            again = False
            response = answer(refusal.status, {PROCESS: self.process, "Connection": "close"}, str(refusal).encode())
        connection.settimeout(self._limits.read_s)
        connection.sendall(response)
        return again

    def _answer(self, stream: _Stream, client: str | None) -> tuple[str, dict[str, str], bytes]:
        try:
            head = read_head(stream.head(self._limits.idle_s, self._limits.read_s))
            if head.length > self._limits.message_bytes:
                raise _Refusal("413 Content Too Large", f"a message has {head.length} bytes, and the limit is {self._limits.message_bytes}")
            body = stream.body(head.length, self._limits.read_s)
            if client is None:
                raise _Refusal("403 Forbidden", "the certificate is not one of a client of this federation")
            if head.path != PATH or not head.headers.get(PROCESS):
                raise _Refusal("404 Not Found", f"there is {PATH} and nothing else, for clients that say which process they are")
            return self._received(client, head, body) if head.method == "POST" else self._next(client, head)
        except WireError as error:
            raise _Refusal("400 Bad Request", str(error)) from error
        except FederationError as error:
            raise _Refusal("409 Conflict", str(error)) from error

    def _received(self, client: str, head: Head, body: bytes) -> tuple[str, dict[str, str], bytes]:
        if self.accept(client, head.headers[PROCESS], head.number(SEQUENCE, 0), body):
            return "204 No Content", {PROCESS: self.process}, b""
        return "503 Service Unavailable", {PROCESS: self.process}, b"more messages wait than the limit allows; try again"

    def _next(self, client: str, head: Head) -> tuple[str, dict[str, str], bytes]:
        process, seen = head.seen
        known = process == self.process
        # A client that has not met this process yet is told at once that it is another one.
        found = self.next_for(client, head.headers[PROCESS], seen if known else 0, min(head.wait_s, self._limits.poll_s) if known else 0.0)
        if found is None:
            return "204 No Content", {PROCESS: self.process}, b""
        return "200 OK", {PROCESS: self.process, SEQUENCE: str(found[0])}, found[1]
