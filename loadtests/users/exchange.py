"""One request on a blocking socket; under Locust, gevent makes blocking calls cooperative."""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING, Final

from foundation.chat import Answer, reason_of

if TYPE_CHECKING:
    from foundation.wire import Target

_TURN_S: Final = 0.05
"""How long a write may block before checking for a response: a server may reject a long prompt before reading all of it."""


def exchange(
    target: Target, data: bytes, *, timeout_s: float, tls: ssl.SSLContext | None, answer: Answer | None = None
) -> tuple[float, Answer]:
    """Send ``data`` and read the complete response within ``timeout_s`` seconds; return the time of sending and the response.

    ``answer`` reads it; default: OpenAI's wire.

    Times are those of the machine's monotonic clock. Failures are part of the response and are not raised.
    """
    sent = time.monotonic()
    deadline = sent + timeout_s
    answer = Answer() if answer is None else answer
    try:
        connection = socket.create_connection((target.host, target.port), timeout=timeout_s)
    except OSError as error:
        answer.fail(f"no connection: {reason_of(error)}", time.monotonic())
        return sent, answer
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            connection = tls.wrap_socket(connection, server_hostname=target.host)
        broken = _send(connection, data, answer, deadline=deadline)
        _read(connection, answer, deadline=deadline, broken=broken)
    except TimeoutError:
        answer.fail(f"no end after {timeout_s:g} s, {answer.progress}", time.monotonic())
    except OSError as error:
        answer.end(time.monotonic(), reason_of(error))
    finally:
        connection.close()
    return sent, answer


def _send(connection: socket.socket, data: bytes, answer: Answer, *, deadline: float) -> OSError | None:
    """Send ``data`` unless the response ends first; return why it could not be sent. The server may have sent a reason before it closed."""
    rest = memoryview(data)
    while rest and not answer.ended:
        connection.settimeout(_TURN_S)
        try:
            rest = rest[connection.send(rest) :]
        except TimeoutError:
            if time.monotonic() >= deadline:
                raise
            _look(connection, answer)
        except OSError as error:
            return error
    return None


def _look(connection: socket.socket, answer: Answer) -> None:
    """Read the available data, if any."""
    connection.settimeout(0)
    try:
        data = connection.recv(65_536)
    except (BlockingIOError, ssl.SSLWantReadError):
        return
    if data:
        answer.feed(data, time.monotonic())
    else:
        answer.end(time.monotonic())


def _read(connection: socket.socket, answer: Answer, *, deadline: float, broken: OSError | None) -> None:
    now = time.monotonic()
    while not answer.ended:
        connection.settimeout(max(deadline - now, 0.001))
        data = connection.recv(65_536)
        now = time.monotonic()
        if data:
            answer.feed(data, now)
        else:
            answer.end(now, reason_of(broken) if broken else None)
        if now >= deadline and not answer.ended:
            raise TimeoutError
