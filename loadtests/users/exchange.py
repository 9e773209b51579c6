"""One request on a blocking socket; under Locust, gevent makes the waiting cooperative."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

from foundation.chat import Answer, reason_of

if TYPE_CHECKING:
    import ssl

    from foundation.wire import Target


def exchange(target: Target, data: bytes, *, timeout_s: float, tls: ssl.SSLContext | None) -> tuple[float, Answer]:
    """Send ``data`` and read the answer to its end, at most ``timeout_s`` seconds; return when it was sent and what came.

    Times are those of the machine's monotonic clock. Failures are in the answer; nothing is raised for them.
    """
    sent = time.monotonic()
    answer = Answer()
    try:
        connection = socket.create_connection((target.host, target.port), timeout=timeout_s)
    except OSError as error:
        answer.fail(f"no connection: {reason_of(error)}", time.monotonic())
        return sent, answer
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            connection = tls.wrap_socket(connection, server_hostname=target.host)
        connection.sendall(data)
        _read(connection, answer, deadline=sent + timeout_s)
    except TimeoutError:
        answer.fail(f"no end after {timeout_s:g} s, {answer.progress}", time.monotonic())
    except OSError as error:
        answer.end(time.monotonic(), reason_of(error))
    finally:
        connection.close()
    return sent, answer


def _read(connection: socket.socket, answer: Answer, *, deadline: float) -> None:
    now = time.monotonic()
    while not answer.ended:
        connection.settimeout(max(deadline - now, 0.001))
        data = connection.recv(65_536)
        now = time.monotonic()
        if data:
            answer.feed(data, now)
        else:
            answer.end(now)
        if now >= deadline and not answer.ended:
            raise TimeoutError
