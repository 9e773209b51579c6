"""One answer from its first byte to its end: what arrived when, and how it is to be judged.

Rule 1: no socket and no clock of its own; asyncio (``exchange.py``) and gevent (``users/chat.py``) both drive it, so that the two
generators mean the same by a first token and by a failure.
Rule 2: it ends once; what comes later is ignored.
"""

from __future__ import annotations

from typing import Final

from foundation.measures.outcome import RequestRecord, Status
from foundation.wire.chat_stream import ChatStream, error_message
from foundation.wire.response import ProtocolError, Response

_MAX_ERROR_BODY: Final = 16_384


class Answer:
    """An answer that is being read. Times are seconds of the caller's clock.

    ``ended``: nothing more is to be read, and ``status``, ``error`` and ``finished`` stand; ``first``: when the first non-empty delta
    came; ``finished``: when the last one did, and for a failure when it was seen.
    """

    __slots__ = ("_body", "_last", "_response", "ended", "error", "finished", "first", "status", "stream")

    def __init__(self) -> None:
        self.ended = False
        self.status = Status.OK
        self.error: str | None = None
        self.first: float | None = None
        self.finished = 0.0
        self.stream = ChatStream()
        self._last = 0.0
        self._body = b""
        self._response = Response()

    def feed(self, data: bytes, now: float) -> bool:
        """Take bytes that arrived at ``now``; return whether the answer has ended."""
        if self.ended:
            return True
        response = self._response
        try:
            body = response.feed(data)
        except ProtocolError as error:
            return self.fail(str(error), now)
        if response.status == 200:
            if self.stream.feed(body):
                self._last = now
                if self.first is None:
                    self.first = now
        else:
            self._body = (self._body + body)[:_MAX_ERROR_BODY]
        return self._judge(now) if response.complete else False

    def end(self, now: float, reason: str | None = None) -> bool:
        """Take the end of the connection, orderly or for a ``reason``; some answers are framed by it."""
        if self.ended:
            return True
        if reason is None and self._response.end():
            return self._judge(now)
        return self.fail(f"the connection was {reason or 'closed'} {self.progress}", now)

    def fail(self, why: str, now: float) -> bool:
        """End it as failed, wherever it stands."""
        return self._end(Status.FAILED, why, now)

    @property
    def progress(self) -> str:
        """Where it stands, as the end of a sentence."""
        if self._response.status is None:
            return "before an answer"
        return "before the first token" if self.first is None else "in the middle of the answer"

    def record(self, *, start: float, intended_s: float, sent_s: float, prompt_tokens: int, replica: str) -> RequestRecord:
        """Return the record, on the clock of a run that began at ``start``. ``prompt_tokens`` are the planned ones."""
        return RequestRecord(
            intended_s=intended_s,
            sent_s=sent_s,
            first_token_s=None if self.first is None else self.first - start,
            finished_s=self.finished - start,
            prompt_tokens=prompt_tokens,
            output_tokens=self.stream.output_tokens,
            replica=replica,
            status=self.status,
            error=self.error,
        )

    def _judge(self, now: float) -> bool:
        """Judge a response that has come whole."""
        status, stream = self._response.status, self.stream
        assert status is not None
        if status != 200:
            # 4xx: the server refused before it did any work, for instance a prompt over the context.
            refused = Status.REJECTED if 400 <= status < 500 else Status.FAILED
            return self._end(refused, f"HTTP {status}: {error_message(self._body) or 'no message'}", now)
        if stream.error is not None:
            return self.fail(f"error in the stream: {stream.error}", now)
        if not stream.done:
            return self.fail(f"the stream ended without [DONE] {self.progress}", now)
        if self.first is None:
            return self.fail("the answer had no text", now)
        return self._end(Status.OK, None, self._last)

    def _end(self, status: Status, error: str | None, finished: float) -> bool:
        if not self.ended:
            self.ended = True
            self.status, self.error, self.finished = status, error, finished
        return True


def reason_of(error: BaseException) -> str:
    """Return the system's words for ``error``, without numbers and addresses."""
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, ConnectionResetError):
        return "reset"
    text = getattr(error, "verify_message", None) or getattr(error, "strerror", None) or str(error)
    return text or type(error).__name__
