"""Reading streamGenerateContent: each event is a whole response with the newest parts, and there is no terminal marker.

The stream is whole when it ends after a finish reason; usage is running, and the last one counts.
"""

from __future__ import annotations

from typing import Any

from foundation.dialects import json_bytes
from foundation.dialects.gemini.answer import KEPT, add_part, decode_usage, stop_of
from foundation.dialects.gemini.errors import error_of
from foundation.dialects.model.answer import StopReason
from foundation.dialects.model.content import Code, CodeResult, Kept, Part, Text, Thinking, ToolCall
from foundation.dialects.model.events import (
    CodeEvent,
    Event,
    Failed,
    KeptEvent,
    Start,
    Stop,
    TextDelta,
    ThinkingDelta,
    ThinkingSignature,
    ToolArguments,
    ToolCallStart,
    UsageUpdate,
)
from foundation.dialects.streaming import SseStreamDecoder


class GeminiStreamDecoder(SseStreamDecoder):
    """One response."""

    __slots__ = ("_calls", "_started")

    def __init__(self) -> None:
        super().__init__()
        self._started = False
        self._calls = 0

    def _frame(self, name: bytes, data: bytes, events: list[Event]) -> None:  # noqa: ARG002  # events have no names here
        chunk = json_bytes.decode(data)
        if isinstance(chunk, list):  # errors come wrapped in one
            chunk = chunk[0]
        if chunk.get("error") is not None:
            events.append(Failed(error_of(chunk["error"], 0)))
            return
        if not self._started:
            self._started = True
            events.append(Start(chunk.get("responseId") or "", chunk.get("modelVersion") or ""))
        candidates = chunk.get("candidates")
        if not candidates and "promptFeedback" in chunk:
            events.append(KeptEvent("gemini", "promptFeedback", chunk["promptFeedback"]))
        if (usage := chunk.get("usageMetadata")) is not None:
            events.append(UsageUpdate(decode_usage(usage)))
        if candidates:
            self._candidate(candidates[0], events)
        elif (chunk.get("promptFeedback") or {}).get("blockReason"):
            events.append(Stop(StopReason.CONTENT_FILTER))

    def _candidate(self, candidate: dict[str, Any], events: list[Event]) -> None:
        parts: list[Part] = []
        for part in (candidate.get("content") or {}).get("parts") or ():
            add_part(parts, part)
            if not part.get("thought") and part.get("text") == "" and part.get("thoughtSignature"):
                parts.append(Thinking("", part["thoughtSignature"]))  # the signature of a turn comes in an empty last part
        for part in parts:
            self._part(part, events)
        events += [KeptEvent("gemini", name, candidate[name]) for name in KEPT if name in candidate]
        if finish := candidate.get("finishReason"):
            events.append(Stop(stop_of(finish, called=self._calls > 0)))

    def _part(self, part: Part, events: list[Event]) -> None:
        match part:
            case Text(text):
                events.append(TextDelta(text))
            case Thinking(text, signature):
                if text:
                    events.append(ThinkingDelta(text))
                if signature:
                    events.append(ThinkingSignature(signature))
            case ToolCall():
                call_id = part.id if not part.id.startswith("call_") else f"call_{self._calls}"
                events.append(ToolCallStart(self._calls, call_id, part.name, part.signature))
                events.append(ToolArguments(self._calls, part.arguments))
                self._calls += 1
            case Code() | CodeResult():
                events.append(CodeEvent(part))
            case Kept(dialect, value):
                events.append(KeptEvent(dialect, "part", value))
            case _:
                pass
