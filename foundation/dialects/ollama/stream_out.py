"""Writing a streamed chat. A call is one object, so its arguments are buffered; an error is a separate line, and the last one."""

from __future__ import annotations

from typing import Any

from foundation.dialects import json_bytes
from foundation.dialects.model.answer import StopReason
from foundation.dialects.model.content import ToolCall
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
from foundation.dialects.ollama.answer import DONE_OF, encode_usage, timestamp, write_call
from foundation.dialects.ollama.errors import encode_error


class OllamaStreamEncoder:
    """One response."""

    __slots__ = ("_calls", "_created", "_head", "_stop", "_usage")

    def __init__(self, *, include_usage: bool = True, created_s: int = 0) -> None:  # noqa: ARG002  # usage is no option here
        self._created = timestamp(created_s)
        self._head: dict[str, Any] = {"model": "", "created_at": self._created}
        self._usage = Usage()
        self._stop = StopReason.END
        self._calls: dict[int, ToolCall] = {}

    def encode(self, event: Event) -> bytes:
        """Return the bytes for ``event``."""
        match event:
            case TextDelta(text):
                return self._flush() + self._line({"content": text})
            case ThinkingDelta(text):
                return self._flush() + self._line({"content": "", "thinking": text})
            case ToolCallStart(index, call_id, name):
                before = self._flush()
                self._calls[index] = ToolCall(call_id, name, "")
                return before
            case ToolArguments(index, text):
                if index in self._calls:
                    self._calls[index].arguments += text
            case CodeEvent(part):
                return self._flush() + self._line({"content": part.as_text})
            case Start(_, model):
                self._head["model"] = model
            case UsageUpdate(usage):
                self._usage = usage
            case Stop(reason):
                self._stop = reason
            case End():
                return self._flush() + self._end()
            case Failed(error):
                return json_bytes.encode(encode_error(error)[2]) + b"\n"
            case _:
                pass
        return b""

    def comment(self, text: str) -> bytes:  # noqa: ARG002  # this framing has none
        """Return nothing."""
        return b""

    def _line(self, message: dict[str, Any]) -> bytes:
        return json_bytes.encode({**self._head, "message": {"role": "assistant", **message}, "done": False}) + b"\n"

    def _flush(self) -> bytes:
        if not self._calls:
            return b""
        calls, self._calls = self._calls, {}
        return self._line({"content": "", "tool_calls": [write_call(call) for call in calls.values()]})

    def _end(self) -> bytes:
        ending = {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": DONE_OF.get(self._stop, "stop")}
        return json_bytes.encode({**self._head, **ending, **encode_usage(self._usage)}) + b"\n"
