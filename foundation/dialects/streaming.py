"""The common part of all stream decoders: framing, failures, and the end of a stream.

Rule 1: after ``End`` or ``Failed`` nothing more is read.
Rule 2: a stream that ends after a stop reason (``Stop``) is complete even without its terminal marker; one that ends earlier was truncated.
Rule 3: a frame of the wrong structure ends the stream as malformed, so the dialects need no checks of their own.
Rule 4: complete frames can be forwarded unchanged (``raw``), except for line ends; ``raw`` never contains a partial frame.
"""

from __future__ import annotations

from foundation.dialects.dialect import Decoded
from foundation.dialects.model.errors import ErrorKind, ProviderError
from foundation.dialects.model.events import End, Event, Failed, Stop
from foundation.wire import Event as Frame
from foundation.wire import EventStream, Lines, ProtocolError

_WRONG_SHAPE = (ValueError, TypeError, KeyError, AttributeError, IndexError)


class StreamDecoder:
    """Reads events from frames; a dialect adds :meth:`_frame`."""

    __slots__ = ("_stopped", "ended", "last_raw")

    def __init__(self) -> None:
        self._stopped = False
        self.ended = False
        self.last_raw: list[bytes] = []

    def feed(self, data: bytes) -> Decoded:
        """Process bytes of the body, split anywhere."""
        events: list[Event] = []
        raw: list[bytes] = []
        if self.ended:
            return Decoded(events, raw)
        try:
            for name, content, whole in self._frames(data):
                if content is not None and self._read(name, content, events):
                    if type(events[-1]) is End:
                        raw.append(whole)
                    break
                raw.append(whole)
        except ProtocolError as error:
            self.ended = True
            events.append(malformed(str(error)))
        return Decoded(events, raw)

    def end(self) -> list[Event]:
        """Handle the end of the body."""
        if self.ended:
            return []
        events: list[Event] = []
        for name, content, whole in self._last_frames():
            if content is not None:
                self._read(name, content, events)
                self.last_raw.append(whole)
        if events and isinstance(last := events[-1], Failed):
            self.last_raw.pop()
            if last.error.kind is ErrorKind.MALFORMED:
                events.pop()  # a last frame without its end counts if it is complete; a truncated one is not malformed
        self.ended = True
        if not (events and isinstance(events[-1], End | Failed)):
            cut = ProviderError(ErrorKind.TRUNCATED, "the provider's stream ended in the middle of the answer", 502)
            events.append(End() if self._stopped else Failed(cut))
        return events

    def _read(self, name: bytes, content: bytes, events: list[Event]) -> bool:
        """Read one frame; return whether it is the last one."""
        before = len(events)
        try:
            self._frame(name, content, events)
        except _WRONG_SHAPE as error:
            events.append(malformed(f"{type(error).__name__} in {content[:80]!r}"))
        for event in events[before:]:
            kind = type(event)
            if kind is Stop:
                self._stopped = True
            elif kind is End or kind is Failed:
                self.ended = True
        return self.ended

    def _frames(self, data: bytes) -> list[tuple[bytes, bytes | None, bytes]]:
        raise NotImplementedError

    def _last_frames(self) -> list[tuple[bytes, bytes | None, bytes]]:
        raise NotImplementedError

    def _frame(self, name: bytes, data: bytes, events: list[Event]) -> None:
        raise NotImplementedError


class SseStreamDecoder(StreamDecoder):
    """A decoder over server-sent events."""

    __slots__ = ("_stream",)

    def __init__(self) -> None:
        super().__init__()
        self._stream = EventStream()

    def _frames(self, data: bytes) -> list[tuple[bytes, bytes | None, bytes]]:
        return [_sse(frame) for frame in self._stream.feed(data)]

    def _last_frames(self) -> list[tuple[bytes, bytes | None, bytes]]:
        last = self._stream.end()
        return [_sse(last)] if last else []


class LineStreamDecoder(StreamDecoder):
    """A decoder over lines of JSON."""

    __slots__ = ("_lines",)

    def __init__(self) -> None:
        super().__init__()
        self._lines = Lines()

    def _frames(self, data: bytes) -> list[tuple[bytes, bytes | None, bytes]]:
        return [(b"", line, line + b"\n") for line in self._lines.feed(data)]

    def _last_frames(self) -> list[tuple[bytes, bytes | None, bytes]]:
        return [(b"", line, line + b"\n") for line in self._lines.end()]


def _sse(frame: Frame) -> tuple[bytes, bytes | None, bytes]:
    """Return name, data and bytes of an event."""
    data, name, ignored = frame
    if not ignored and data is not None and b"\n" not in data:
        return name, data, (b"data: " if name == b"message" else b"event: " + name + b"\ndata: ") + data + b"\n\n"
    lines = [*ignored, *([] if name == b"message" else [b"event: " + name])]
    lines += [] if data is None else [b"data: " + line for line in data.split(b"\n")]
    if data is None:
        # llama.cpp reports a failure in the middle of a stream in a separate field.
        data = next((line[6:] for line in ignored if line.startswith(b"error:")), None)
        name = b"error" if data is not None else name
    return name, data, b"\n".join(lines) + b"\n\n"


def malformed(reason: str) -> Failed:
    """Return the failure of a stream with an unreadable frame."""
    return Failed(ProviderError(ErrorKind.MALFORMED, f"the provider sent a frame that is not of its dialect: {reason}", 502))


def sse_comment(text: str) -> bytes:
    """Return a comment, which every reader of server-sent events ignores."""
    return b": " + text.replace("\n", " ").encode() + b"\n\n"
