"""Reading one HTTP/1.1 response from bytes (RFC 9112, sections 4, 6, 7.1 and 8).

Rule 1: no socket and no clock: bytes go in with :meth:`Response.feed`, bytes of the body come out, however the input was split.
Rule 2: a response is complete by its own framing (length or last chunk) or, without framing, by the end of the connection; any earlier end
of the connection is a failure. The chunk of size zero is the last one: trailers after it, and the final line end that some servers omit,
are irrelevant.
Rule 3: a compressed body is decompressed, although requests ask for ``identity``.
Rule 4: limits on everything that is buffered.
"""

from __future__ import annotations

import re
from typing import Final

from foundation.wire.coding import Unpacking
from foundation.wire.errors import ProtocolError

_MAX_HEAD: Final = 65_536
_MAX_CHUNK_LINE: Final = 4_096
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_LINE_END: Final = re.compile(rb"\r?\n")
_DIGITS: Final = re.compile(rb"[0-9]{1,18}\Z")
_CHUNK: Final = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;|\Z)")


class Response:
    """One response. ``status`` is None until the head has arrived; ``complete`` is True once the body has ended.

    ``reason`` is the reason phrase. ``headers`` has names in lower case; the values of a repeated header are joined by commas (RFC 9110,
    section 5.3). ``packed``: the body has a content coding, so its bytes differ from those on the wire.
    """

    __slots__ = ("_buffer", "_chunked", "_left", "_to_close", "_unpacking", "complete", "headers", "reason", "status")

    def __init__(self) -> None:
        self.status: int | None = None
        self.reason = ""
        self.headers: dict[bytes, bytes] = {}
        self.complete = False
        self._buffer = b""
        self._chunked = False
        self._to_close = False
        self._unpacking: Unpacking | None = None
        self._left = 0  # bytes left of the body or of the chunk; -1: expecting the line end after a chunk

    def feed(self, data: bytes) -> bytes:
        """Process bytes from the connection and return the bytes of the body among them.

        Raises:
            ProtocolError: the bytes are not an HTTP response.
        """
        if self.complete:
            return b""
        if self.status is None:
            data = self._head(self._buffer + data)
            if self.status is None:
                return b""
        if self._chunked:
            body = self._chunks(data)
        elif self._to_close:
            body = data
        else:
            body = data[: self._left]
            self._left -= len(body)
            self.complete = not self._left
        return body if self._unpacking is None else self._unpacking.feed(body)

    def end(self) -> bool:
        """Handle the end of the connection; return whether the response is complete."""
        if self.status is not None and self._to_close:
            self.complete = True
        return self.complete

    @property
    def packed(self) -> bool:
        """Whether the body has a content coding."""
        return self._unpacking is not None

    @property
    def cut_short(self) -> bool:
        """Whether the body is compressed and was truncated."""
        return self._unpacking is not None and not self._unpacking.whole

    def header(self, name: bytes) -> str:
        """Return the value of the header ``name`` (in lower case); empty if there is none."""
        return self.headers.get(name, b"").decode("latin-1")

    def _head(self, data: bytes) -> bytes:
        """Read the head, skipping interim responses; return the bytes after it. The head is buffered until it is complete."""
        while True:
            end = _HEAD_END.search(data)
            if end is None:
                if len(data) > _MAX_HEAD:
                    raise ProtocolError(f"the head of the response is longer than {_MAX_HEAD} bytes")
                if len(data) >= 5 and not data.startswith(b"HTTP/"):
                    raise ProtocolError(f"no HTTP response, but {data[:40]!r}")
                self._buffer = data
                return b""
            lines = _LINE_END.split(data[: end.start()])
            data = data[end.end() :]
            status, reason = _status(lines[0])
            if status >= 200:
                break
        self._buffer = b""
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            name, value = name.strip().lower(), value.strip()
            self.headers[name] = self.headers[name] + b", " + value if name in self.headers else value
        self._framing(status)
        self.status, self.reason = status, reason
        return data

    def _framing(self, status: int) -> None:
        transfer = _list(self.headers.get(b"transfer-encoding"))
        lengths = set(_list(self.headers.get(b"content-length")))
        self._chunked = transfer[-1:] == [b"chunked"]
        if len(lengths) > 1 or not all(map(_DIGITS.match, lengths)):
            raise ProtocolError(f"Content-Length {self.headers[b'content-length'][:40]!r} is not a number")
        if status in (204, 304):
            self._chunked, self.complete = False, True
        elif not self._chunked:
            self._to_close = bool(transfer) or not lengths
            self._left = 0 if self._to_close else int(lengths.pop())
            self.complete = not self._to_close and not self._left
        # A transfer coding is decoded like a content coding, after dechunking.
        codings = _list(self.headers.get(b"content-encoding")) + transfer
        packed = [coding for coding in codings if coding not in (b"identity", b"chunked")]
        if len(packed) > 1:
            raise ProtocolError(f"the answer is packed more than once: {b', '.join(packed)[:40].decode('latin-1')}")
        if packed and not self.complete:
            self._unpacking = Unpacking(packed[0])

    def _chunks(self, data: bytes) -> bytes:
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        body: list[bytes] = []
        at = 0
        while at < len(data) and not self.complete:
            if self._left > 0:
                part = data[at : at + self._left]
                body.append(part)
                at += len(part)
                self._left = self._left - len(part) or -1
                continue
            end = data.find(b"\r\n", at)
            if end < 0:
                if len(data) - at > _MAX_CHUNK_LINE:
                    raise ProtocolError(f"the line of a chunk is longer than {_MAX_CHUNK_LINE} bytes", b"".join(body))
                self._buffer = data[at:]
                break
            line = data[at:end]
            at = end + 2
            if self._left:
                self._left = 0
                if line:
                    raise ProtocolError(f"a chunk is longer than announced: {line[:40]!r}", b"".join(body))
                continue
            if not (size := _CHUNK.match(line)):
                # The response may have ended before the fault.
                raise ProtocolError(f"chunk size {line[:40]!r} is not a number", b"".join(body))
            self._left = int(size[1], 16)
            self.complete = not self._left
            end = at + self._left
            if self._left and data[end : end + 2] == b"\r\n":  # the chunk is complete: the common case, in one step
                body.append(data[at:end])
                at = end + 2
                self._left = 0
        return body[0] if len(body) == 1 else b"".join(body)


def _status(line: bytes) -> tuple[int, str]:
    parts = line.split(None, 2)
    if len(parts) < 2 or not parts[0].startswith(b"HTTP/1.") or not parts[1].isdigit() or len(parts[1]) != 3:
        raise ProtocolError(f"no HTTP/1.1 response, but {line[:40]!r}")
    return int(parts[1]), parts[2].decode("latin-1").strip() if len(parts) == 3 else ""


def _list(value: bytes | None) -> list[bytes]:
    return [] if value is None else [item.strip().lower() for item in value.split(b",") if item.strip()]
