"""Reading a streamed message.

Rule 1: unknown events are ignored, as the provider's documentation requires.
Rule 2: usage in ``message_delta`` is cumulative, and with server tools larger than in ``message_start``; the last value counts.
"""

from __future__ import annotations

from typing import Any

from foundation.dialects import json_bytes
from foundation.dialects.anthropic.answer import STOP_OF, merge_usage
from foundation.dialects.anthropic.errors import error_of
from foundation.dialects.model.answer import StopReason
from foundation.dialects.model.events import (
    End,
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
from foundation.dialects.model.usage import Usage
from foundation.dialects.streaming import SseStreamDecoder


class AnthropicStreamDecoder(SseStreamDecoder):
    """One response."""

    __slots__ = ("_calls", "_usage")

    def __init__(self) -> None:
        super().__init__()
        self._calls: dict[int, int] = {}  # content block → number of the call
        self._usage = Usage()

    def _frame(self, name: bytes, data: bytes, events: list[Event]) -> None:
        if name == b"ping":
            return
        document = json_bytes.decode(data)
        match document["type"]:
            case "content_block_delta":
                self._delta(document["index"], document["delta"], events)
            case "content_block_start":
                self._block(document["index"], document["content_block"], events)
            case "message_start":
                message = document["message"]
                events.append(Start(message.get("id") or "", message.get("model") or ""))
                self._count(message.get("usage"), events)
            case "message_delta":
                self._count(document.get("usage"), events)
                delta = document["delta"]
                if reason := delta.get("stop_reason"):
                    events.append(Stop(STOP_OF.get(reason, StopReason.END), delta.get("stop_sequence")))
            case "message_stop":
                events.append(End())
            case "error":
                events.append(Failed(error_of(document["error"], 0)))
            case _:
                pass

    def _delta(self, index: int, delta: dict[str, Any], events: list[Event]) -> None:
        match delta["type"]:
            case "text_delta":
                if text := delta["text"]:
                    events.append(TextDelta(text))
            case "input_json_delta":
                if (text := delta["partial_json"]) and index in self._calls:
                    events.append(ToolArguments(self._calls[index], text))
            case "thinking_delta":
                if text := delta["thinking"]:
                    events.append(ThinkingDelta(text))
            case "signature_delta":
                events.append(ThinkingSignature(delta["signature"]))
            case kind:
                events.append(KeptEvent("anthropic", kind, delta))

    def _block(self, index: int, block: dict[str, Any], events: list[Event]) -> None:
        match block["type"]:
            case "text":
                if text := block.get("text"):
                    events.append(TextDelta(text))
            case "tool_use":
                self._calls[index] = len(self._calls)
                events.append(ToolCallStart(self._calls[index], block["id"], block["name"]))
                if block.get("input"):  # compatible servers may send it in one piece
                    events.append(ToolArguments(self._calls[index], json_bytes.encode_text(block["input"])))
            case "thinking":
                if text := block.get("thinking"):
                    events.append(ThinkingDelta(text))
                if signature := block.get("signature"):
                    events.append(ThinkingSignature(signature))
            case "redacted_thinking":
                events.append(ThinkingSignature(block["data"], redacted=True))
            case kind:
                events.append(KeptEvent("anthropic", kind, block))

    def _count(self, usage: Any, events: list[Event]) -> None:
        if usage:
            self._usage = merge_usage(self._usage, usage)
            events.append(UsageUpdate(self._usage))
