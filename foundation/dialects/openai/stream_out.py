"""Writing a streamed chat completion.

Rule 1: everything but the delta is the same in each chunk and encoded once, so a frame costs a few microseconds.
Rule 2: an error is a ``data:`` line with an ``error`` object and no ``[DONE]``, which the official SDKs raise as an exception.
"""

from __future__ import annotations

from typing import Any

from foundation.dialects import json_bytes
from foundation.dialects.model.events import (
    CodeEvent,
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
from foundation.dialects.model.usage import Usage
from foundation.dialects.openai.answer import FINISH_OF, encode_usage
from foundation.dialects.openai.errors import encode_error
from foundation.dialects.streaming import sse_comment


class OpenAiStreamEncoder:
    """One response."""

    __slots__ = ("_after", "_before", "_created_s", "_head", "_include_usage", "_usage")

    def __init__(self, *, include_usage: bool = True, created_s: int = 0) -> None:
        self._include_usage = include_usage
        self._created_s = created_s
        self._usage: Usage | None = None
        self._start("", "")

    def _start(self, answer_id: str, model: str) -> None:
        head = {"id": answer_id, "object": "chat.completion.chunk", "created": self._created_s, "model": model}
        self._head = json_bytes.encode(head)[:-1]
        self._before = b"data: " + self._head + b',"choices":[{"index":0,"delta":'
        self._after = b',"finish_reason":null}]}\n\n'

    def encode(self, event: Event) -> bytes:
        """Return the bytes for ``event``."""
        match event:
            case TextDelta(text):
                return self._before + b'{"content":' + json_bytes.encode(text) + b"}" + self._after
            case ToolArguments(index, text):
                return self._delta({"tool_calls": [{"index": index, "function": {"arguments": text}}]})
            case ThinkingDelta(text):
                return self._delta({"reasoning_content": text})
            case Start(answer_id, model):
                self._start(answer_id, model)
                return self._delta({"role": "assistant", "content": ""})
            case ToolCallStart(index, call_id, name, signature):
                call: dict[str, Any] = {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
                if signature is not None:
                    call["extra_content"] = {"google": {"thought_signature": signature}}
                return self._delta({"tool_calls": [call]})
            case CodeEvent(part):
                return self._delta({"content": part.as_text})
            case Stop(reason):
                return self._before + b'{},"finish_reason":"' + FINISH_OF[reason].encode() + b'"}]}\n\n'
            case UsageUpdate(usage):
                self._usage = usage  # cumulative: only the last one is written, at the end
                return b""
            case End():
                return self._end()
            case Failed(error):
                return b"data: " + json_bytes.encode(encode_error(error)[2]) + b"\n\n"
            case _:
                return b""

    def comment(self, text: str) -> bytes:
        """Return bytes that readers ignore."""
        return sse_comment(text)

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return self._before + json_bytes.encode(delta) + self._after

    def _end(self) -> bytes:
        done = b"data: [DONE]\n\n"
        if not self._include_usage or self._usage is None or not self._usage.complete:
            return done
        return b"data: " + self._head + b',"choices":[],"usage":' + json_bytes.encode(encode_usage(self._usage)) + b"}\n\n" + done
