"""What the stream decoders of all dialects share: framing, failures, and how a stream ends.

Rule 1: after ``End`` or ``Failed`` nothing more is read.
Rule 2: a stream that stops after the model has said why (``Stop``) is whole, though its terminal marker is missing; one that stops
before that was cut.
Rule 3: a frame of the wrong shape ends the stream as malformed; what a decoder does with it needs no checks of its own.
"""

from __future__ import annotations

from foundation.dialects.dialect import Decoded
from foundation.dialects.framing import FrameTooLongError, LineFrames, SseFrames
from foundation.dialects.model.errors import ErrorKind, ProviderError
from foundation.dialects.model.events import End, Event, Failed, Stop

_WRONG_SHAPE = (ValueError, TypeError, KeyError, AttributeError, IndexError)


class FramedStreamDecoder:
    """A decoder over frames; a dialect adds :meth:`_frame`."""

    __slots__ = ("_frames", "_stopped", "ended")

    def __init__(self, frames: SseFrames | LineFrames) -> None:
        self._frames = frames
        self._stopped = False
        self.ended = False

    def feed(self, data: bytes) -> Decoded:
        """Take bytes of the body, cut anywhere."""
        events: list[Event] = []
        if self.ended:
            return Decoded(events, b"")
        try:
            frames = self._frames.feed(data)
        except FrameTooLongError as error:
            self.ended = True
            return Decoded([malformed(str(error))], b"")
        raw: list[bytes] = []
        for name, content, whole in frames:
            if content:
                before = len(events)
                try:
                    self._frame(name, content, events)
                except _WRONG_SHAPE as error:
                    events.append(malformed(f"{type(error).__name__} in {content[:80]!r}"))
                if self._look(events, before):
                    if type(events[-1]) is End:
                        raw.append(whole)
                    break
            raw.append(whole)
        return Decoded(events, raw[0] if len(raw) == 1 else b"".join(raw))

    def end(self) -> list[Event]:
        """Take the end of the body."""
        if self.ended:
            return []
        self.ended = True
        if self._stopped:
            return [End()]
        return [Failed(ProviderError(ErrorKind.TRUNCATED, "the provider's stream ended in the middle of the answer", 502))]

    def _look(self, events: list[Event], since: int) -> bool:
        """Note what the newest events say about the end; return whether nothing follows."""
        for event in events[since:]:
            kind = type(event)
            if kind is Stop:
                self._stopped = True
            elif kind is End or kind is Failed:
                self.ended = True
        return self.ended

    def _frame(self, event: str, data: bytes, events: list[Event]) -> None:
        raise NotImplementedError


class SseStreamDecoder(FramedStreamDecoder):
    """A decoder over server-sent events."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(SseFrames())


def malformed(reason: str) -> Failed:
    """Return the failure of a stream with a frame that nobody can read."""
    return Failed(ProviderError(ErrorKind.MALFORMED, f"the provider sent a frame that is not of its dialect: {reason}", 502))


def sse_comment(text: str) -> bytes:
    """Return a comment, which every reader of server-sent events skips."""
    return b": " + text.replace("\n", " ").encode() + b"\n\n"
