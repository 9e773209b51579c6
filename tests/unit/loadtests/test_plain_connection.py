"""What of an answer the kernel wakes the generator for; the clock counts the frames that were sent."""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable
from typing import Self, cast

import pytest

from foundation.wire import Target
from loadtests.exchange import Exchange
from loadtests.plain_connection import PlainConnection
from stacks.traffic import PlannedRequest

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
TOKENS = 64


class FakeLoop:
    """Keeps the callback of the one descriptor that it is given."""

    def __init__(self) -> None:
        self.read: Callable[[], None] | None = None

    def add_reader(self, _descriptor: int, callback: Callable[[], None]) -> None:
        self.read = callback

    def remove_reader(self, _descriptor: int) -> None:
        self.read = None


def frame(text: bytes) -> bytes:
    data = b"data: " + text + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


def token(size: int = 120) -> bytes:
    return frame(b'{"choices":[{"delta":{"content":"a"}}],"padding":"%s"}' % (b"." * size))


class Peer:
    """A server on loopback that sends what it is told, and the exchange that reads it when there is something to be read."""

    def __init__(self, *, exact_length: bool) -> None:
        self.sent = self.reads = 0
        self.loop = FakeLoop()
        self.ended: list[Exchange] = []
        planned = PlannedRequest(0, 0.0, 8, TOKENS)
        target = Target.parse("http://127.0.0.1:1")
        self.exchange = Exchange(planned, target, now=lambda: float(self.sent), on_end=self.ended.append, exact_length=exact_length)
        self.exchange.dispatch(b"request")
        self.connection = PlainConnection(cast("asyncio.AbstractEventLoop", self.loop), self.exchange)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.connection.open("127.0.0.1", listening.getsockname()[1])
            self.socket, _ = listening.accept()
        assert self.socket.recv(64) == b"request"
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes, *, wait_s: float = 0.0) -> None:
        """Send, and let the exchange read if the kernel says so within ``wait_s``."""
        self.sent += 1
        self.socket.sendall(data)
        self.take(wait_s)

    def take(self, wait_s: float) -> None:
        client = self.connection._socket
        if client is not None and select.select([client], [], [], wait_s)[0]:
            self.reads += 1
            assert self.loop.read is not None
            self.loop.read()

    def hang_up(self) -> None:
        """Close the server's end and let the exchange read what was left, and the end."""
        self.socket.close()
        for _ in range(2):
            self.take(5.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
        self.connection.abort()


def test_of_an_answer_of_known_length_the_first_token_and_the_last_are_seen_when_they_come() -> None:
    with Peer(exact_length=True) as peer:
        peer.send(HEAD + frame(b'{"choices":[{"delta":{"role":"assistant"}}]}'), wait_s=5.0)
        for index in range(TOKENS):
            peer.send(token(), wait_s=5.0 if index in (0, TOKENS - 1) else 0.0)
        peer.send(frame(b"[DONE]") + END, wait_s=5.0)
        answer = peer.exchange.answer
        assert peer.ended == [peer.exchange]
        assert (answer.error, answer.stream.deltas, answer.first, answer.finished) == (None, TOKENS, 2.0, 1.0 + TOKENS)
        # Head, first token, last token, end mark, and on the way three quarters of what is left each time: 48, 12, 3; then one by one.
        assert peer.reads <= 10


@pytest.mark.parametrize("exact_length", [True, False])
def test_an_answer_that_ends_early_is_seen_to_end(exact_length: bool) -> None:
    with Peer(exact_length=exact_length) as peer:
        peer.send(HEAD + token(), wait_s=5.0)
        peer.send(token())
        peer.hang_up()
        assert peer.exchange.answer.error == "the connection was closed in the middle of the answer"


def test_frames_that_shrink_by_a_quarter_do_not_hide_the_last_token() -> None:
    with Peer(exact_length=True) as peer:
        first = token(160)
        peer.send(HEAD + first, wait_s=5.0)
        rest = token(160 - len(first) // 4)
        for index in range(1, TOKENS):
            peer.send(rest, wait_s=5.0 if index == TOKENS - 1 else 0.0)
        assert peer.exchange.answer.stream.deltas == TOKENS


def test_of_an_answer_of_unknown_length_every_frame_may_be_the_last() -> None:
    with Peer(exact_length=False) as peer:
        peer.send(HEAD, wait_s=5.0)
        for _ in range(5):
            peer.send(token(), wait_s=5.0)
        assert (peer.reads, peer.exchange.answer.stream.deltas) == (6, 5)
