"""Reading one HTTP/1.1 response from bytes (RFC 9112, sections 4, 6 and 7.1).

Rule 1: no socket and no clock: bytes go in with :meth:`Response.feed`, bytes of the body come out, however the input was cut.
Rule 2: a response is complete by its own framing (length or last chunk) or, where it has none, by the end of the connection;
an end of the connection anywhere else is a failure and is said to be one.
Rule 3: limits on everything that is buffered.
"""

from __future__ import annotations

from typing import Final

_MAX_HEAD: Final = 65_536
_MAX_CHUNK_LINE: Final = 4_096


class ProtocolError(Exception):
    """The peer does not speak HTTP/1.1 as expected; the text says what came."""


class Response:
    """One response. ``status`` is None until the head has come; ``complete`` once nothing more belongs to it."""

    __slots__ = ("_buffer", "_chunked", "_left", "_to_close", "_trailers", "complete", "status")

    def __init__(self) -> None:
        self.status: int | None = None
        self.complete = False
        self._buffer = b""
        self._chunked = False
        self._to_close = False
        self._trailers = False
        self._left = 0  # bytes left of the body or of the chunk; -1: the line end after a chunk is due

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the connection and return those of the body that they complete.

        Raises:
            ProtocolError: these bytes are no response.
        """
        if self.complete:
            return b""
        if self.status is None:
            data = self._head(self._buffer + data)
            if self.status is None:
                return b""
        if self._chunked:
            return self._chunks(data)
        if self._to_close:
            return data
        body = data[: self._left]
        self._left -= len(body)
        self.complete = not self._left
        return body

    def end(self) -> bool:
        """Take the end of the connection; return whether the response is complete."""
        if self.status is not None and self._to_close:
            self.complete = True
        return self.complete

    def _head(self, data: bytes) -> bytes:
        """Read the head, past interim responses; return what follows it. The head is kept until it is whole."""
        while True:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                if len(data) > _MAX_HEAD:
                    raise ProtocolError(f"the head of the response is longer than {_MAX_HEAD} bytes")
                if len(data) >= 5 and not data.startswith(b"HTTP/"):
                    raise ProtocolError(f"no HTTP response, but {data[:40]!r}")
                self._buffer = data
                return b""
            lines = data[:end].split(b"\r\n")
            data = data[end + 4 :]
            status = _status(lines[0])
            if status >= 200:
                break
        self._buffer = b""
        self._framing(status, lines[1:])
        self.status = status
        return data

    def _framing(self, status: int, lines: list[bytes]) -> None:
        length: int | None = None
        for line in lines:
            name, _, value = line.partition(b":")
            match name.strip().lower():
                case b"transfer-encoding":
                    self._chunked = value.strip().lower().endswith(b"chunked")
                case b"content-length":
                    length = _number(value.strip(), 10, "Content-Length")
        if status in (204, 304):
            self.complete = True
        elif not self._chunked:
            self._to_close = length is None
            self._left = length or 0
            self.complete = length == 0

    def _chunks(self, data: bytes) -> bytes:
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        body: list[bytes] = []
        at = 0
        while at < len(data):
            if self._left > 0:
                part = data[at : at + self._left]
                body.append(part)
                at += len(part)
                self._left -= len(part)
                if not self._left:
                    self._left = -1
                continue
            end = data.find(b"\r\n", at)
            if end < 0:
                if len(data) - at > _MAX_CHUNK_LINE:
                    raise ProtocolError(f"the line of a chunk is longer than {_MAX_CHUNK_LINE} bytes")
                self._buffer = data[at:]
                break
            self._chunk_line(data[at:end])
            at = end + 2
            if self.complete:
                break
        return body[0] if len(body) == 1 else b"".join(body)

    def _chunk_line(self, line: bytes) -> None:
        if self._left == -1:
            if line:
                raise ProtocolError(f"a chunk is longer than announced: {line[:40]!r}")
            self._left = 0
        elif self._trailers:
            self.complete = not line
        else:
            self._left = _number(line.partition(b";")[0].strip(), 16, "chunk size")
            self._trailers = not self._left


def _status(line: bytes) -> int:
    parts = line.split(None, 2)
    if len(parts) < 2 or not parts[0].startswith(b"HTTP/1.") or not parts[1].isdigit() or len(parts[1]) != 3:
        raise ProtocolError(f"no HTTP/1.1 response, but {line[:40]!r}")
    return int(parts[1])


def _number(text: bytes, base: int, what: str) -> int:
    # int() takes signs, underscores and prefixes, the grammar does not.
    if not text.isalnum() or not set(text.lower()) <= set(b"0123456789abcdef"[:base]):
        raise ProtocolError(f"{what} {text[:40]!r} is not a number")
    return int(text, base)
