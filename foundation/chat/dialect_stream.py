"""Reading a streamed response on a provider's own wire (Anthropic, Gemini, Ollama) with the decoder of its dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foundation.chat.stream_counts import StreamCounts
from foundation.dialects.model.events import CONTENT, End, Event, Failed, Stop, TextDelta, ThinkingDelta, UsageUpdate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foundation.dialects import Dialect


class DialectStream(StreamCounts):
    """One response of ``dialect``."""

    __slots__ = ("_decoder",)

    def __init__(self, dialect: Dialect) -> None:
        super().__init__()
        self._decoder = dialect.stream_decoder()

    def feed(self, body: bytes) -> int:
        """Process bytes of the body; return the number of pieces of output that they complete."""
        if self.ended:
            return 0
        decoded = self._decoder.feed(body)
        self.frames += len(decoded.raw)
        return self._read(decoded.events)

    def end(self) -> int:
        """Handle the end of the body; a stream without its end mark is an error unless it has said why the model stopped."""
        return 0 if self.ended else self._read(self._decoder.end())

    def _read(self, events: Sequence[Event]) -> int:
        before = self.deltas
        for event in events:
            match event:
                case UsageUpdate(usage):
                    self.prompt_tokens = usage.prompt_tokens if usage.input_tokens is not None else self.prompt_tokens
                    self.completion_tokens = self.completion_tokens if usage.output_tokens is None else usage.output_tokens
                    self.reasoning_tokens = usage.reasoning_tokens
                case Stop(reason):
                    self.finish_reason = reason.value
                case End():
                    self.done = True
                case Failed(error):
                    self.error = error.message
                case _:
                    pass
            if isinstance(event, CONTENT):
                self.deltas += 1
                self.texts += isinstance(event, TextDelta)
                self.reasonings += isinstance(event, ThinkingDelta)
        return self.deltas - before
