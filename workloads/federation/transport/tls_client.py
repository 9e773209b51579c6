"""A client's link between processes: HTTP/1.1 over mutual TLS, one connection, opened again whenever it breaks."""

from __future__ import annotations

import http.client
import math
import random
import ssl
import time
from secrets import token_hex
from typing import Final, Self

from workloads.federation.errors import TransportError
from workloads.federation.rounds.messages import ToClient, ToServer
from workloads.federation.transport.credentials import Credentials, identity_of
from workloads.federation.transport.exchange import encoded
from workloads.federation.transport.port import CODEC, Limits, Link, Reconnected
from workloads.federation.transport.requests import PATH, PROCESS, SEEN, SEQUENCE

_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 2.0


def connect(host: str, port: int, credentials: Credentials, server: str, limits: Limits | None = None) -> Link:
    """Return a link to the server; the first message opens the connection.

    Args:
        host: name or address of the server.
        port: its port.
        credentials: the client's own. The files are read again for each connection, so they may be renewed.
        server: identity that the server's certificate must have.
        limits: how large messages may be, and how long the server may be away.
    """
    return _Link(host, port, credentials, server, limits or Limits())


class _Link:
    def __init__(self, host: str, port: int, credentials: Credentials, server: str, limits: Limits) -> None:
        self._host, self._port, self._credentials, self._server, self._limits = host, port, credentials, server, limits
        self._address = f"the server {host}:{port}"
        self._process = token_hex(8)
        self._sent = self._received = 0
        self._known = ""
        self._reconnected = False
        self._connection: http.client.HTTPSConnection | None = None

    def send(self, message: ToServer) -> None:
        frame = encoded(message, self._limits)
        self._sent += 1
        self._ask("POST", {SEQUENCE: str(self._sent)}, frame)

    def receive(self, timeout_s: float) -> ToClient | Reconnected | None:
        until = time.monotonic() + timeout_s
        while not self._reconnected:
            left_s = max(0.0, until - time.monotonic())
            wait_s = math.ceil(min(left_s, self._limits.poll_s))
            headers = {SEEN: f"{self._known}:{self._received}", "Prefer": f"wait={wait_s}"} if self._known else {}
            number, frame = self._ask("GET", headers)
            if number and not self._reconnected:
                self._received = number
                message: ToClient = CODEC.decode(frame)
                return message
            if not self._reconnected and time.monotonic() >= until:
                return None
        self._reconnected = False
        return Reconnected()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, method: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, bytes]:
        """Return number and frame of the answer; number 0 where it has none. Repeats the request until there is an answer."""
        begun, pause_s = time.monotonic(), _FIRST_PAUSE_S
        while True:
            try:
                status, process, number, content = self._try(method, headers, body)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                _raise_if_final(self._address, error)
                problem = f"is away ({error or type(error).__name__})"
            else:
                if status != http.client.SERVICE_UNAVAILABLE:
                    break
                problem = "takes no messages"
            if time.monotonic() - begun > self._limits.give_up_s:
                raise TransportError(f"{self._address} {problem}, for more than {self._limits.give_up_s:g} s")
            time.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - only to spread the clients
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        if status not in {http.client.OK, http.client.NO_CONTENT}:
            raise TransportError(f"{self._address} refuses: {content.decode(errors='replace')[:500]}")
        if process != self._known:
            self._reconnected = bool(self._known)
            self._known, self._received = process, 0
        return number, content

    def _try(self, method: str, headers: dict[str, str], body: bytes) -> tuple[int, str, int, bytes]:
        connection = self._connection or self._open()
        connection.request(method, PATH, body or None, {**headers, PROCESS: self._process})
        response = connection.getresponse()
        content = response.read(self._limits.message_bytes + 1)
        if len(content) > self._limits.message_bytes:
            raise http.client.HTTPException(f"an answer is longer than {self._limits.message_bytes} bytes")
        number = response.headers.get(SEQUENCE, "0")
        return response.status, response.headers.get(PROCESS, ""), int(number) if number.isdecimal() else 0, content

    def _open(self) -> http.client.HTTPSConnection:
        context = self._credentials.context(server=False)
        connection = http.client.HTTPSConnection(self._host, self._port, context=context, timeout=self._limits.poll_s + self._limits.read_s)
        connection.auto_open = 0  # it must not open itself again, past the comparison below
        self._connection = connection
        connection.connect()
        assert isinstance(connection.sock, ssl.SSLSocket)
        found = identity_of(connection.sock.getpeercert() or {})
        if found != self._server:
            self.close()
            raise TransportError(f"{self._address} shows the certificate of {found!r}, not of {self._server!r}")
        return connection


def _raise_if_final(address: str, error: Exception) -> None:
    """Raise a TransportError where trying again would not help: one side does not accept the other's certificate."""
    if isinstance(error, ssl.SSLCertVerificationError):
        raise TransportError(f"{address} shows a certificate that is not accepted here: {error.verify_message}") from error
    if isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or ""):
        raise TransportError(f"{address} does not accept the certificate of this client: {error.reason}") from error
