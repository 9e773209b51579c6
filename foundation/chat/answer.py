"""One response from its first byte to its end: what arrived when, and whether it was good.

Rule 1: it has no socket and no clock. The open loop, Locust users and calibration all drive it, so they share one definition of first token
and failure.
Rule 2: it ends once, with ``[DONE]``, a failure or the end of the response, whichever comes first; later data is ignored.
Rule 3: a response that ends cleanly after a finish reason is complete, with or without an end mark.
Rule 4: a status or an error document takes precedence over the way in which the connection ended.
"""

from __future__ import annotations

from typing import Final

from foundation.chat.refusals import no_stream, refused
from foundation.chat.stream import ChatStream
from foundation.chat.stream_counts import StreamCounts
from foundation.measures.outcome import RequestRecord, Status
from foundation.wire.errors import ProtocolError
from foundation.wire.response import Response

_MAX_BODY: Final = 16_384
"""How much of a body that is not an event stream is kept to explain the failure."""


class Answer:
    """A response that is being read. Times are seconds of the caller's clock; ``stream`` reads the body, default: OpenAI's chunks.

    ``ended``: reading is complete, and ``status``, ``error`` and ``finished`` are final; ``first``: time of the first output of any kind;
    ``first_text``: time of the first text, None for a response with only reasoning or tool calls; ``finished``: time of the last output or,
    for a failure, of its detection.
    """

    __slots__ = ("_body", "_last", "_response", "ended", "error", "finished", "first", "first_text", "status", "stream")

    def __init__(self, stream: StreamCounts | None = None) -> None:
        self.ended = False
        self.status = Status.OK
        self.error: str | None = None
        self.first: float | None = None
        self.first_text: float | None = None
        self.finished = 0.0
        self.stream = ChatStream() if stream is None else stream
        self._last: float | None = None
        self._body = b""
        self._response = Response()

    def feed(self, data: bytes, now: float) -> bool:
        """Process bytes that arrived at ``now``; return whether the response has ended."""
        if self.ended:
            return True
        response = self._response
        try:
            if self._read(response.feed(data), now):
                return True
        except ProtocolError as error:
            return self._read(error.body, now) or self.fail(str(error), now)
        return self._judge(now) if response.complete else False

    def end(self, now: float, reason: str | None = None) -> bool:
        """Handle the end of the connection, clean or for a ``reason``; some responses are delimited by it."""
        if self.ended:
            return True
        if reason is None and self._response.end():
            return self._judge(now)
        return self.fail(f"the connection was {reason or 'closed'} {self.progress}", now)

    def fail(self, why: str, now: float) -> bool:
        """End the response as failed, in any state; with the server's reason if it gave one, else with ``why``."""
        if self.ended:
            return True
        status, error = self._refusal() or (Status.FAILED, why)
        return self._end(status, error, now)

    def header(self, name: str) -> str:
        """Return the value of a response header; empty if there is none, or the head has not arrived."""
        return self._response.header(name.encode())

    @property
    def length_on_the_wire(self) -> int:
        """Size in bytes of one piece of output on the connection, from the latest one; 0 if unknown."""
        return 0 if self._response.packed else self.stream.delta_bytes

    @property
    def progress(self) -> str:
        """The progress so far, as the end of a sentence."""
        if self._response.status is None:
            return "before an answer"
        if self.stream.finish_reason is not None:
            return "after the finish reason"
        return "before the first token" if self.first is None else "in the middle of the answer"

    @property
    def remark(self) -> str | None:
        """What is unusual about the times or the server's token count; None if nothing is."""
        stream = self.stream
        if self._response.packed:
            return "the answer came packed, unasked; times between its tokens are those of the packer's pieces"
        if stream.usage_contradicts:
            return "the server's usage counts fewer output tokens than pieces of output that came"
        if stream.hidden_tokens:
            return "the server counted tokens of reasoning that it did not stream; they are not counted as output"
        if self.status is Status.OK and stream.completion_tokens is None:
            return "the server sent no usage; each piece of output counts as a token"
        return None

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
            first_text_s=None if self.first_text is None else self.first_text - start,
            remark=self.remark,
        )

    def _read(self, body: bytes, now: float) -> bool:
        """Read a part of the body; return whether the response has ended."""
        status, stream = self._response.status, self.stream
        if status is None or not 200 <= status < 300:
            self._body = (self._body + body)[:_MAX_BODY]
            return False
        if not stream.frames and body:
            self._body = (self._body + body)[:_MAX_BODY]
        if stream.feed(body):
            self._note(now)
        return self._judge(now) if stream.ended else False

    def _note(self, now: float) -> None:
        """Record the time of new output."""
        self._last = now
        if self.first is None:
            self.first = now
        if self.first_text is None and self.stream.texts:
            self.first_text = now

    def _judge(self, now: float) -> bool:
        """Judge a response after its last byte."""
        stream = self.stream
        if stream.end():
            self._note(now)
        if refusal := self._refusal():
            return self._end(*refusal, now)
        if fault := self._fault():
            return self._end(Status.FAILED, fault, now)
        return self._end(Status.OK, None, now if self._last is None else self._last)

    def _fault(self) -> str | None:
        """Return what is wrong with a finished stream; None for a good one."""
        stream = self.stream
        if stream.error is not None:
            return f"error in the stream: {stream.error}"
        if not stream.done and self._response.cut_short:
            return f"the answer is packed, and its end is missing {self.progress}"
        if not stream.done and stream.finish_reason is None:
            return f"the stream ended without a finish reason or [DONE] {self.progress}"
        if self.first is None and not stream.hidden_tokens:
            return "the answer had no output"
        return None

    def _refusal(self) -> tuple[Status, str] | None:
        """Return how the server rejected the request, by status or by a document instead of the stream; None if it did not."""
        response = self._response
        if response.status is None:
            return None
        if not 200 <= response.status < 300:
            return refused(response, self._body)
        if not self.stream.frames and (instead := no_stream(response, self._body)):
            return Status.FAILED, instead
        return None

    def _end(self, status: Status, error: str | None, finished: float) -> bool:
        if not self.ended:
            self.ended = True
            self.status, self.error, self.finished = status, error, finished
        return True


def reason_of(error: BaseException) -> str:
    """Return the operating system's message for ``error``, without numbers and addresses."""
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "reset"
    text = getattr(error, "verify_message", None) or getattr(error, "strerror", None) or str(error)
    return text or type(error).__name__
