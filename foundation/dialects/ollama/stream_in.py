"""Reading a streamed chat."""

from __future__ import annotations

from foundation.dialects import json_bytes
from foundation.dialects.model.events import (
    End,
    Event,
    Failed,
    Start,
    Stop,
    TextDelta,
    ThinkingDelta,
    ToolArguments,
    ToolCallStart,
    UsageUpdate,
)
from foundation.dialects.ollama.answer import decode_usage, read_call, stop_of
from foundation.dialects.ollama.errors import error_of
from foundation.dialects.streaming import LineStreamDecoder


class OllamaStreamDecoder(LineStreamDecoder):
    """One response."""

    __slots__ = ("_calls", "_started")

    def __init__(self) -> None:
        super().__init__()
        self._started = False
        self._calls = 0

    def _frame(self, name: bytes, data: bytes, events: list[Event]) -> None:  # noqa: ARG002  # lines have no names
        chunk = json_bytes.decode(data)
        if chunk.get("error") is not None:
            events.append(Failed(error_of(chunk["error"], 0)))
            return
        if not self._started:
            self._started = True
            events.append(Start("", chunk.get("model") or ""))
        message = chunk.get("message") or {}
        if text := message.get("thinking"):
            events.append(ThinkingDelta(text))
        if text := message.get("content"):
            events.append(TextDelta(text))
        for document in message.get("tool_calls") or ():
            call = read_call(document, self._calls)
            events += [ToolCallStart(self._calls, call.id, call.name), ToolArguments(self._calls, call.arguments)]
            self._calls += 1
        if chunk.get("done") is True:
            events.append(Stop(stop_of(chunk.get("done_reason"), called=self._calls > 0)))
            events.append(UsageUpdate(decode_usage(chunk)))
            events.append(End())
