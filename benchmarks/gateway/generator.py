"""Requests over keep-alive connections, to measure the cost of a gateway and not that of its clients.

Closed loop: each connection sends its next request when it has the last answer. Times are seconds on the monotonic clock.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httptools


@dataclass
class Run:
    """The responses. ``frames`` are data lines with content; ``lost`` streams had fewer than expected."""

    seconds: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    failed: int = 0
    frames: int = 0
    lost: int = 0
    took_s: float = 0.0
    why: str = ""

    @property
    def per_s(self) -> float:
        """Answers per second."""
        return len(self.seconds) / self.took_s if self.took_s else 0.0


class _Connection(asyncio.Protocol):
    """One connection; ``on_message_complete`` and its kin are called by the parser."""

    def __init__(self, mark: bytes) -> None:
        self._mark = mark
        self._parser = httptools.HttpResponseParser(self)
        self.done: asyncio.Future[int] | None = None
        self.frames = 0
        self.first_s = 0.0
        self.tail = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, _error: Exception | None) -> None:
        self._finish(0)

    def on_body(self, body: bytes) -> None:
        text = self.tail + body
        self.tail = text[-(len(self._mark) - 1) :]
        if count := text.count(self._mark):
            self.frames += count
            self.first_s = self.first_s or time.monotonic()
        if b'"error"' in body:
            self.tail = b'"error"'

    def on_message_complete(self) -> None:
        self._finish(self._parser.get_status_code())
        self._parser = httptools.HttpResponseParser(self)

    def _finish(self, status: int) -> None:
        if self.done is not None and not self.done.done():
            self.done.set_result(status)

    async def ask(self, request: bytes) -> int:
        self.done = asyncio.get_running_loop().create_future()
        self.frames, self.first_s, self.tail = 0, 0.0, b""
        if self.transport is None or self.transport.is_closing():
            return 0
        self.transport.write(request)
        return await self.done


def http(url: str, path: str, key: str, body: bytes) -> bytes:
    """Return a whole request."""
    host = urlsplit(url).netloc
    head = f"POST {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\n"
    head += "anthropic-version: 2026-10-21\r\ncontent-type: application/json\r\n"
    return head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body


async def closed_loop(
    url: str,
    request: bytes,
    *,
    connections: int,
    requests: int = 1_000_000_000,
    seconds: float = 1e9,
    frames: int = 0,
    mark: bytes = b'"content":"',
) -> Run:
    """Send ``request`` over so many connections until ``requests`` are sent or ``seconds`` are over."""
    run = Run()
    parts = urlsplit(url)
    left = requests
    until_s = time.monotonic() + seconds
    loop = asyncio.get_running_loop()

    async def one() -> None:
        nonlocal left
        connection: _Connection | None = None
        while left > 0 and time.monotonic() < until_s:
            left -= 1
            if connection is None:
                _, connection = await loop.create_connection(lambda: _Connection(mark), parts.hostname or "", parts.port or 80)
            began_s = time.monotonic()
            status = await connection.ask(request)
            if status != 200 or connection.tail == b'"error"':
                run.failed += 1
                run.why = f"status {status}"
                connection = None
                continue
            run.seconds.append(time.monotonic() - began_s)
            run.frames += connection.frames
            if frames:
                run.lost += connection.frames < frames
                run.first.append(connection.first_s - began_s)
        if connection is not None and connection.transport is not None:
            connection.transport.close()

    began_s = time.monotonic()
    await asyncio.gather(*(one() for _ in range(connections)))
    run.took_s = time.monotonic() - began_s
    return run
