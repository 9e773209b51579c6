"""Reading a streamed chat completion."""

from __future__ import annotations

from typing import Any

from foundation.dialects import json_bytes
from foundation.dialects.model.answer import StopReason
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
from foundation.dialects.openai.answer import STOP_OF, decode_usage
from foundation.dialects.openai.errors import error_of
from foundation.dialects.streaming import SseStreamDecoder


class OpenAiStreamDecoder(SseStreamDecoder):
    """One response; choices beyond the first are ignored."""

    __slots__ = ("_calls", "_refused", "_started")

    def __init__(self) -> None:
        super().__init__()
        self._started = False
        self._refused = False
        self._calls: dict[int, int] = {}  # the provider's index → ours

    def _frame(self, name: bytes, data: bytes, events: list[Event]) -> None:
        if data == b"[DONE]":
            events.append(End())
            return
        chunk = json_bytes.decode(data)
        if name == b"error" or chunk.get("error") is not None:  # some engines write `"error": null` into every chunk
            events.append(Failed(error_of(chunk.get("error", chunk), 0)))
            return
        if not self._started:
            self._started = True
            events.append(Start(chunk.get("id") or "", chunk.get("model") or ""))
        for choice in chunk.get("choices") or ():
            if not choice.get("index"):
                self._choice(choice, events)
        if (usage := chunk.get("usage")) is not None:
            events.append(UsageUpdate(decode_usage(usage)))

    def _choice(self, choice: dict[str, Any], events: list[Event]) -> None:
        delta = choice.get("delta")
        if delta:
            if text := delta.get("content"):
                events.append(TextDelta(text))
            if text := delta.get("reasoning_content"):
                events.append(ThinkingDelta(text))
            if text := delta.get("refusal"):
                self._refused = True
                events.append(TextDelta(text))
            for call in delta.get("tool_calls") or ():
                self._call(call, events)
        if reason := choice.get("finish_reason"):
            events.append(Stop(StopReason.REFUSAL if self._refused else STOP_OF.get(reason, StopReason.END)))

    def _call(self, call: dict[str, Any], events: list[Event]) -> None:
        function = call.get("function") or {}
        theirs = call.get("index", len(self._calls))
        if theirs not in self._calls:
            self._calls[theirs] = len(self._calls)
            signature = ((call.get("extra_content") or {}).get("google") or {}).get("thought_signature")
            events.append(ToolCallStart(self._calls[theirs], call.get("id") or "", function.get("name") or "", signature))
        if text := function.get("arguments"):
            events.append(ToolArguments(self._calls[theirs], text))
