"""Frames of a streamed body: server-sent events (WHATWG HTML, section 9.2) and newline-delimited JSON.

Rule 1: bytes may be cut anywhere, within a line end or a character too; the frames are the same.
Rule 2: each frame keeps its own bytes, so that a reader between two parties can pass on whole frames unchanged.
Rule 3: a frame is bounded; a peer that never ends one is malformed.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

MAX_FRAME_BYTES: Final = 32 * 1024 * 1024
_LINE_END: Final = re.compile(rb"\r\n|\n|\r").search
_BOM: Final = b"\xef\xbb\xbf"


class FrameTooLongError(ValueError):
    """A frame is longer than 32 MiB."""


class Frame(NamedTuple):
    """One frame: event name (empty for the default), data, and its bytes. A block of comments alone has empty data."""

    event: str
    data: bytes
    raw: bytes


class SseFrames:
    """Splits a body into server-sent events."""

    __slots__ = ("_buffer", "_data", "_event", "_line_at", "_search_at", "_started")

    def __init__(self) -> None:
        self._buffer = b""  # the bytes of the frame that is being read
        self._line_at = 0  # where its newest line begins
        self._search_at = 0  # no line end before
        self._event = ""
        self._data: list[bytes] = []
        self._started = False

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that ``data`` completes.

        Raises:
            FrameTooLongError: a frame outgrew the bound.
        """
        return self._split(self._buffer + data, at_end=False)

    def end(self) -> bytes:
        """Return the bytes of the frame that was not completed; readers drop it, as the standard says."""
        # A carriage return at the very end was held back in case that a line feed would follow.
        return b"".join(frame.raw for frame in self._split(self._buffer, at_end=True)) + self._buffer if self._buffer else b""

    def _split(self, buffer: bytes, *, at_end: bool) -> list[Frame]:
        frames: list[Frame] = []
        begin, line_at, search_at, size = 0, self._line_at, self._search_at, len(buffer)
        while (found := _LINE_END(buffer, search_at)) is not None:
            stop, after = found.span()
            if after == size and not at_end and buffer[stop:] == b"\r":
                break
            line = buffer[line_at:stop]
            line_at = search_at = after
            if line:
                self._field(line)
                continue
            frames.append(Frame(self._event, b"\n".join(self._data), buffer[begin:after]))
            begin = after
            self._event, self._data = "", []
        self._buffer = buffer[begin:] if begin else buffer
        self._line_at = line_at - begin
        size -= begin
        self._search_at = max(self._line_at, size - 1)
        if size > MAX_FRAME_BYTES:
            raise FrameTooLongError("a frame of the stream is longer than 32 MiB")
        return frames

    def _field(self, line: bytes) -> None:
        if not self._started:
            self._started = True
            line = line.removeprefix(_BOM)
        if line.startswith(b"data:"):
            self._data.append(line[6:] if line[5:6] == b" " else line[5:])
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            self._event = value.decode("utf-8", "replace")
        elif name == b"data":
            self._data.append(value)
        elif name == b"error" and not self._data:  # llama.cpp reports a failure in the middle of a stream in a field of its own
            self._event = "error"
            self._data.append(value)


class LineFrames:
    """Splits a body into lines; blank ones are skipped."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[Frame]:
        """Return the lines that ``data`` completes.

        Raises:
            FrameTooLongError: a line outgrew the bound.
        """
        if b"\n" not in data:
            self._buffer += data
            lines = []
        else:
            *lines, self._buffer = (self._buffer + data).split(b"\n")
        if len(self._buffer) > MAX_FRAME_BYTES:
            raise FrameTooLongError("a line of the stream is longer than 32 MiB")
        return [Frame("", line, line + b"\n") for line in lines if line.strip()]

    def end(self) -> bytes:
        """Return the bytes of a last line without its end."""
        return self._buffer
