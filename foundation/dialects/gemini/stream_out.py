"""Writing streamGenerateContent.

Rule 1: a function call is one part, so its arguments are buffered until the next part or the end.
Rule 2: the last chunk has the finish reason and usage; an error is an object with ``error``, without a finish reason before it.
"""

from __future__ import annotations

from typing import Any

from foundation.dialects import json_bytes
from foundation.dialects.gemini.answer import FINISH_OF, encode_call, encode_part, encode_usage
from foundation.dialects.gemini.errors import encode_error
from foundation.dialects.model.answer import StopReason
from foundation.dialects.model.content import Thinking, ToolCall
from foundation.dialects.model.events import (
    CodeEvent,
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


class GeminiStreamEncoder:
    """One response."""

    __slots__ = ("_after", "_calls", "_kept", "_stop", "_usage")

    def __init__(self, *, include_usage: bool = True, created_s: int = 0) -> None:  # noqa: ARG002  # neither is an option here
        self._after = b"}\n\n"
        self._usage = Usage()
        self._stop: StopReason | None = None
        self._calls: dict[int, ToolCall] = {}
        self._kept: dict[str, Any] = {}

    def encode(self, event: Event) -> bytes:
        """Return the bytes for ``event``."""
        match event:
            case TextDelta(text):
                before = self._flush()
                parts = b'data: {"candidates":[{"content":{"role":"model","parts":[{"text":' + json_bytes.encode(text)
                return before + parts + b'}]},"index":0}]' + self._after
            case ThinkingDelta(text):
                return self._flush() + self._part({"text": text, "thought": True})
            case ThinkingSignature(signature, redacted):
                written = None if redacted else encode_part(Thinking("", signature))
                return self._flush() + (self._part(written) if written else b"")
            case ToolCallStart(index, call_id, name, signature):
                before = self._flush()
                self._calls[index] = ToolCall(call_id, name, "", signature)
                return before
            case ToolArguments(index, text):
                if index in self._calls:
                    self._calls[index].arguments += text
                return b""
            case Start(answer_id, model):
                tail = json_bytes.encode({"modelVersion": model, "responseId": answer_id})
                self._after = b"," + tail[1:] + b"\n\n"
                return b""
            case _:
                return self._rare(event)

    def comment(self, text: str) -> bytes:  # noqa: ARG002  # Google's own SDK takes a comment for broken JSON
        """Return nothing."""
        return b""

    def _rare(self, event: Event) -> bytes:
        match event:
            case CodeEvent(part):
                return self._flush() + self._part(encode_part(part) or {})
            case KeptEvent("gemini", name, value):
                if name == "part":
                    return self._flush() + self._part(value)
                self._kept[name] = value
            case UsageUpdate(usage):
                self._usage = usage
            case Stop(reason):
                self._stop = reason
            case End():
                return self._flush() + self._end()
            case Failed(error):
                return b"data: " + json_bytes.encode(encode_error(error)[2]) + b"\n\n"
            case _:
                pass
        return b""

    def _part(self, part: dict[str, Any]) -> bytes:
        return b'data: {"candidates":[{"content":{"role":"model","parts":[' + json_bytes.encode(part) + b']},"index":0}]' + self._after

    def _flush(self) -> bytes:
        if not self._calls:
            return b""
        calls, self._calls = self._calls, {}
        return b"".join(self._part(encode_call(call)) for call in calls.values())

    def _end(self) -> bytes:
        finish = FINISH_OF[self._stop or StopReason.END]
        if "promptFeedback" in self._kept:
            document: dict[str, Any] = {"promptFeedback": self._kept["promptFeedback"]}
        else:
            candidate = {"content": {"role": "model", "parts": [{"text": ""}]}, "finishReason": finish, "index": 0, **self._kept}
            document = {"candidates": [candidate]}
        if self._usage.complete:
            document["usageMetadata"] = encode_usage(self._usage)
        return b"data: " + json_bytes.encode(document)[:-1] + self._after
