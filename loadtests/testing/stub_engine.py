"""A loopback server that streams chat completions without a model: every frame holds the token ``a``.

Rule 1: it costs as little as possible, so that it is faster than the generator under measurement.
Rule 2: the model named in a request picks how the server behaves (:class:`Behaviour`), so one server serves every test.
Rule 3: it stores what it received (``requests``), and ends with its context manager, or after ``--seconds`` as a separate program: ``python
-m loadtests.testing`` prints its URL on the first line.
"""

from __future__ import annotations

import asyncio
import enum
import json
import socket
import ssl
import struct
import threading
from typing import TYPE_CHECKING, Any, Final, Self, cast

if TYPE_CHECKING:
    from types import TracebackType

_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


class Behaviour(enum.StrEnum):
    """How a request is handled, by the name of its model; any other name is ``GOOD``."""

    GOOD = "stub"
    REFUSED = "stub:400"
    BROKEN = "stub:500"
    RESET = "stub:reset"  # after half of the tokens
    CUT = "stub:cut"  # ends well-formed after half of the tokens, without usage and [DONE]
    ERROR_IN_STREAM = "stub:error"  # after half of the tokens
    SILENT = "stub:silent"  # the response headers and nothing else, forever
    NOT_HTTP = "stub:not-http"
    VERBOSE = "stub:verbose"  # counts four prompt tokens more than the text has, and one output token more than requested


def _chunk(payload: bytes) -> bytes:
    data = b"data: " + payload + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


def _event(**fields: Any) -> bytes:
    document = {"id": "chatcmpl-stub", "object": "chat.completion.chunk", "created": 1_763_942_400, "model": "stub", **fields}
    return _chunk(json.dumps(document, separators=(",", ":")).encode())


def _delta(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
    return _event(choices=[{"index": 0, "delta": delta, "finish_reason": finish_reason}])


_ROLE: Final = _delta({"role": "assistant", "content": None})
_TOKEN: Final = _delta({"content": "a"})
_DONE: Final = _chunk(b"[DONE]") + b"0\r\n\r\n"


class _Connection(asyncio.Protocol):
    def __init__(self, engine: StubEngine) -> None:
        self._engine = engine
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self._left = 0
        self._end = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._engine.connections.add(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        self._engine.connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
        if found and len(body) >= length:
            self._buffer = b""
            self._answer(json.loads(body))

    def _answer(self, request: dict[str, Any]) -> None:
        self._engine.requests.append(request)
        tokens = int(request["max_tokens"])
        usage = {"prompt_tokens": len(request["messages"][0]["content"]), "completion_tokens": tokens}
        match request["model"]:
            case Behaviour.REFUSED:
                self._error("400 Bad Request", "the request exceeds the available context size")
            case Behaviour.BROKEN:
                self._error("500 Internal Server Error", "out of memory")
            case Behaviour.NOT_HTTP:
                self._transport.write(b"SSH-2.0-stub\r\n\r\n")
            case Behaviour.SILENT:
                self._transport.write(_HEAD)
            case Behaviour.RESET:
                self._stream(tokens // 2, b"")
            case Behaviour.CUT:
                self._stream(tokens // 2, b"0\r\n\r\n")
            case Behaviour.ERROR_IN_STREAM:
                self._stream(tokens // 2, _event(error={"message": "slot lost"}) + _DONE)
            case Behaviour.VERBOSE:
                usage = {"prompt_tokens": usage["prompt_tokens"] + 4, "completion_tokens": tokens + 1}
                self._stream(tokens + 1, _event(choices=[], usage=usage) + _DONE)
            case _:
                self._stream(tokens, _delta({}, "length") + _event(choices=[], usage=usage) + _DONE)

    def _error(self, status: str, message: str) -> None:
        body = json.dumps({"error": {"message": message}}).encode()
        self._transport.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body))
        self._transport.close()

    def _stream(self, tokens: int, end: bytes) -> None:
        self._left, self._end = tokens, end
        self._transport.write(_HEAD + _ROLE)
        self._next_frame()

    def _next_frame(self) -> None:
        if self._transport.is_closing():
            return
        if self._left:
            self._left -= 1
            self._transport.write(_TOKEN)
            self._loop.call_later(self._engine.gap_s, self._next_frame)
        elif self._end:
            self._transport.write(self._end)
            self._transport.close()
        else:
            # Without lingering, closing sends a reset instead of an orderly end.
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()


class StubEngine:
    """The server in its own thread: ``with StubEngine() as engine: … engine.url``. ``gap_s`` seconds between frames."""

    def __init__(self, *, gap_s: float = 0.0, tls: ssl.SSLContext | None = None) -> None:
        self.gap_s = gap_s
        self.requests: list[dict[str, Any]] = []
        self.connections: set[asyncio.Transport] = set()
        self.url = ""
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stub-engine", daemon=True)

    async def serve(self) -> asyncio.Server:
        """Listen on a free loopback port of the running loop and set ``url``."""
        server = await asyncio.get_running_loop().create_server(lambda: _Connection(self), "127.0.0.1", 0, ssl=self._tls, backlog=1024)
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return server

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self.serve(), self._loop).result()
        return self

    def stop(self) -> None:
        """Close the port and every connection, like a process that dies."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        # Accepted sockets must have become connections before the server closes, or asyncio leaks them (CPython gh-109564). Stop accepting,
        # then let the loop iterate twice, so that the pending ones start and connect.
        for listening in self._server.sockets:
            self._loop.remove_reader(listening.fileno())
        for _ in range(2):
            await asyncio.sleep(0)
        self._server.close()
        while self.connections:
            for connection in list(self.connections):
                connection.abort()
            await asyncio.sleep(0)
