"""Answers of other people's servers on a real connection: the open loop, Locust's users and calibration judge them alike.

What each of them means is tested without sockets in ``tests/unit/foundation/chat``; here it is how connections end.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from foundation.chat import ChatRequests
from foundation.measures.outcome import Status
from foundation.wire import Target
from loadtests import open_loop
from loadtests.users.exchange import exchange
from simulations.calibration.client import ask
from simulations.errors import CalibrationError
from stacks.traffic import PlannedRequest

LONG = 4_000_000
"""Characters of a prompt that fits into no buffer between a client and a server."""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
Serve = Callable[[socket.socket], None]
Outcome = tuple[Status, str | None, int]


def event(document: object) -> bytes:
    data = b"data: " + json.dumps(document).encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


TOKENS = b"".join(event({"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": None}]}) for _ in range(8))
FINISH = event({"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]})
FINISH += event({"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 8}})
DONE = b"e\r\ndata: [DONE]\n\n\r\n"
REFUSED = b'HTTP/1.1 413 Content Too Large\r\nContent-Length: 44\r\n\r\n{"error": {"message": "the prompt is long"}}'


@contextmanager
def server(serve: Serve) -> Iterator[str]:
    """Give each connection to ``serve`` in a thread of its own; all are closed at the end."""
    connections: list[socket.socket] = []

    def guarded(connection: socket.socket) -> None:
        with suppress(OSError):  # the client may hang up at any time, which is what some of these tests are about
            serve(connection)

    with socket.create_server(("127.0.0.1", 0), backlog=16) as listening:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                connections.append(connection)
                threading.Thread(target=guarded, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in connections:
                connection.close()


def request(connection: socket.socket) -> bytes:
    """Read a whole request and return its head."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65_536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65_536)
    return head


def end(connection: socket.socket) -> None:
    connection.close()


def hold(_connection: socket.socket) -> None:
    """Leave the connection open."""


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def replay(raw: bytes, then: Serve = end) -> Serve:
    def serve(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(raw)
        then(connection)

    return serve


def by_open_loop(url: str, prompt: int = 10) -> Outcome:
    (record,) = open_loop.run([PlannedRequest(0, 0.0, prompt, 8)], [url], timeout_s=10.0, engine_options=False).records
    return record.status, record.error, record.output_tokens


def by_locust(url: str, prompt: int = 10) -> Outcome:
    target = Target.parse(url)
    data = ChatRequests(model="m", engine_options=False).encode(PlannedRequest(0, 0.0, prompt, 8), target)
    _, answer = exchange(target, data, timeout_s=10.0, tls=None)
    return answer.status, answer.error, answer.stream.output_tokens


def by_calibration(url: str) -> Outcome:
    try:
        return Status.OK, None, len(asyncio.run(ask(url, prompt_tokens=10, output_tokens=8)).token_s)
    except CalibrationError as error:
        return Status.FAILED, str(error).removeprefix(f"calibration: {url}: "), 0


@pytest.mark.parametrize("then", [end, hold, reset])
@pytest.mark.parametrize("generate", [by_open_loop, by_locust, by_calibration])
def test_the_end_mark_ends_an_answer_whatever_the_connection_does_then(generate: Callable[[str], Outcome], then: Serve) -> None:
    """A reset may overtake what was sent before it, so that one comes once the client has read the end mark and hung up."""

    def wait_and_reset(connection: socket.socket) -> None:
        while connection.recv(65_536):
            pass
        reset(connection)

    with server(replay(HEAD + TOKENS + FINISH + DONE, wait_and_reset if then is reset else then)) as url:
        assert generate(url) == (Status.OK, None, 8)


@pytest.mark.parametrize("generate", [by_open_loop, by_locust, by_calibration])
@pytest.mark.parametrize(
    ("raw", "then", "error"),
    [
        (HEAD + TOKENS + FINISH, end, "the connection was closed after the finish reason"),
        (HEAD + TOKENS + b"22\r\nevent: error\ndata: out of memory\n\n\r\n", hold, "error in the stream: out of memory"),
        (HEAD + TOKENS + FINISH.replace(b"length", b"abort "), hold, "error in the stream: finish reason abort"),
        (HEAD + b'15\r\n{"error": "loading"}\n\r\n', end, "HTTP 200, and an error in place of the stream: loading"),
        (
            b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://h:1/v1/chat/completions\r\nContent-Length: 0\r\n\r\n",
            hold,
            "HTTP 307: redirected to http://h:1/v1/chat/completions; give that address as the target",
        ),
    ],
)
def test_failures(generate: Callable[[str], Outcome], raw: bytes, then: Serve, error: str) -> None:
    with server(replay(raw, then)) as url:
        assert generate(url)[:2] == (Status.FAILED, error)


@pytest.mark.parametrize("generate", [by_open_loop, by_locust])
@pytest.mark.parametrize("then", [end, hold, reset, request])
def test_a_refusal_during_a_long_upload_is_one(generate: Callable[[str, int], Outcome], then: Callable[[socket.socket], object]) -> None:
    """The server closes with bytes unread (which resets the connection), neither reads nor closes, resets, or reads to the end."""

    def serve(connection: socket.socket) -> None:
        connection.recv(16)
        connection.sendall(REFUSED)
        if then is reset:
            connection.shutdown(socket.SHUT_WR)
            connection.close()
        elif then is request:
            while connection.recv(1_000_000):
                pass
        else:
            then(connection)

    with server(serve) as url:
        assert generate(url, LONG) == (Status.REJECTED, "HTTP 413: the prompt is long", 0)


@pytest.mark.parametrize("generate", [by_open_loop, by_locust])
def test_a_server_that_hangs_up_during_a_long_upload_has_failed(generate: Callable[[str, int], Outcome]) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(16)
        reset(connection)

    with server(serve) as url:
        assert generate(url, LONG)[:2] == (Status.FAILED, "the connection was reset before an answer")


@pytest.mark.parametrize("generate", [by_open_loop, by_locust, by_calibration])
def test_an_endpoint_is_asked_as_it_was_named(generate: Callable[[str], Outcome]) -> None:
    heads: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        heads.append(request(connection))
        connection.sendall(HEAD + TOKENS + FINISH + DONE)
        connection.close()

    with server(serve) as url:
        assert generate(f"{url}/api/v3/chat/completions?api-version=2")[0] is Status.OK
    assert heads[0].startswith(b"POST /api/v3/chat/completions?api-version=2 HTTP/1.1\r\n")
    assert b"\r\nAccept-Encoding: identity\r\n" in heads[0] + b"\r\n"


def test_an_answer_in_any_pieces_is_measured_the_same() -> None:
    raw = HEAD + TOKENS + FINISH + DONE + b"0\r\n\r\n"

    def serve(connection: socket.socket) -> None:
        request(connection)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(raw)):
            connection.sendall(raw[at : at + 1])
        connection.close()

    with server(serve) as url:
        assert by_open_loop(url) == (Status.OK, None, 8)
