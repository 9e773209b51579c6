"""Writing a streamed message.

Rule 1: one content block is open at a time; late arguments for a closed call keep its index, because readers collect by index.
Rule 2: ``message_delta`` carries stop reason and usage together, so it waits for ``End``.
Rule 3: an error is an ``error`` event, and no ``message_stop`` follows.
"""

from __future__ import annotations

from typing import Any

from foundation.dialects import json_bytes
from foundation.dialects.anthropic.answer import REASON_OF, encode_usage
from foundation.dialects.anthropic.errors import encode_error
from foundation.dialects.model.answer import StopReason
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
from foundation.dialects.streaming import sse_comment


class AnthropicStreamEncoder:
    """One response."""

    __slots__ = ("_before", "_calls", "_id", "_model", "_next", "_open", "_started", "_stop", "_usage")

    def __init__(self, *, include_usage: bool = True, created_s: int = 0) -> None:  # noqa: ARG002  # usage is no option here
        self._id = ""
        self._model = ""
        self._usage = Usage()
        self._stop: Stop | None = None
        self._started = False
        self._next = 0  # index of the next block
        self._open = ""  # kind of the open block
        self._before = b""  # the beginning of a delta of the open block, up to its text
        self._calls: dict[int, int] = {}  # number of the call → its block

    def encode(self, event: Event) -> bytes:
        """Return the bytes for ``event``."""
        match event:
            case TextDelta(text):
                return self._in_block("text", {"type": "text", "text": ""}, text)
            case ToolArguments(call, text):
                return self._arguments(call, text)
            case ThinkingDelta(text):
                return self._in_block("thinking", {"type": "thinking", "thinking": "", "signature": ""}, text)
            case ThinkingSignature(signature, redacted):
                return self._signature(signature, redacted=redacted)
            case ToolCallStart(call, call_id, name):
                start = self._begin("tool_use", {"type": "tool_use", "id": call_id, "name": name, "input": {}})
                self._calls[call] = self._next - 1
                return start
            case CodeEvent(part):
                return self._in_block("text", {"type": "text", "text": ""}, part.as_text)
            case Start(answer_id, model):
                self._id, self._model = answer_id, model
                return b""  # written with the first usage or the first block, whichever comes first
            case UsageUpdate(usage):
                self._usage = usage
                return self._message() if self._id else b""
            case Stop():
                self._stop = event
                return b""
            case _:
                return self._rare(event)

    def comment(self, text: str) -> bytes:
        """Return bytes that readers ignore."""
        return sse_comment(text)

    def _rare(self, event: Event) -> bytes:
        match event:
            case KeptEvent("anthropic", "part", block):
                return self._begin("kept", block) + self._close()
            case End():
                stop = self._stop or Stop(StopReason.END)
                delta = {"stop_reason": REASON_OF[stop.reason], "stop_sequence": stop.sequence}
                last = {"type": "message_delta", "delta": delta, "usage": encode_usage(self._usage)}
                ending = _event("message_delta", last) + _event("message_stop", {"type": "message_stop"})
                return self._message() + self._close() + ending
            case Failed(error):
                return _event("error", encode_error(error)[2])
            case _:
                return b""

    def _message(self) -> bytes:
        if self._started:
            return b""
        self._started = True
        message: dict[str, Any] = {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**encode_usage(self._usage), "output_tokens": 1},  # a placeholder, like the provider's own
        }
        return _event("message_start", {"type": "message_start", "message": message})

    def _begin(self, kind: str, block: Any) -> bytes:
        before = self._message() + self._close()
        index = self._next
        self._open = kind
        self._next += 1
        name = {"text": '"text_delta","text"', "thinking": '"thinking_delta","thinking"'}.get(kind, '"input_json_delta","partial_json"')
        self._before = f'event: content_block_delta\ndata: {{"type":"content_block_delta","index":{index},"delta":{{"type":{name}:'.encode()
        return before + _event("content_block_start", {"type": "content_block_start", "index": index, "content_block": block})

    def _close(self) -> bytes:
        if not self._open:
            return b""
        self._open = ""
        return _event("content_block_stop", {"type": "content_block_stop", "index": self._next - 1})

    def _in_block(self, kind: str, block: dict[str, Any], text: str) -> bytes:
        start = b"" if self._open == kind else self._begin(kind, block)
        return start + self._before + json_bytes.encode(text) + b"}}\n\n"

    def _arguments(self, call: int, text: str) -> bytes:
        block = self._calls.get(call)
        if block == self._next - 1 and self._open == "tool_use":
            return self._before + json_bytes.encode(text) + b"}}\n\n"
        delta = {"type": "input_json_delta", "partial_json": text}
        return _event("content_block_delta", {"type": "content_block_delta", "index": block, "delta": delta})

    def _signature(self, signature: str, *, redacted: bool) -> bytes:
        if redacted:
            return self._begin("redacted_thinking", {"type": "redacted_thinking", "data": signature}) + self._close()
        start = b"" if self._open == "thinking" else self._begin("thinking", {"type": "thinking", "thinking": "", "signature": ""})
        delta = {"type": "signature_delta", "signature": signature}
        event = _event("content_block_delta", {"type": "content_block_delta", "index": self._next - 1, "delta": delta})
        return start + event + self._close()


def _event(name: str, document: Any) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + json_bytes.encode(document) + b"\n\n"
