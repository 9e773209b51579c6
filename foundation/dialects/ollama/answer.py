"""Complete (not streamed) responses and usage. Times are nanoseconds on this wire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from foundation.dialects import json_bytes
from foundation.dialects.calls import arguments_so_far
from foundation.dialects.model.answer import Answer, StopReason
from foundation.dialects.model.content import Code, CodeResult, Part, Text, Thinking, ToolCall
from foundation.dialects.model.errors import MalformedAnswerError
from foundation.dialects.model.usage import Usage, count

STOP_OF: Final = {"stop": StopReason.END, "length": StopReason.MAX_TOKENS}
DONE_OF: Final = {StopReason.MAX_TOKENS: "length", StopReason.CONTEXT_LENGTH: "length"}


def decode_answer(document: Any) -> Answer:
    """Read a complete response. Raises ``MalformedAnswerError``."""
    try:
        message = document["message"]
        parts: list[Part] = []
        if thought := message.get("thinking"):
            parts.append(Thinking(str(thought)))
        if content := message.get("content"):
            parts.append(Text(str(content)))
        parts += [read_call(call, number) for number, call in enumerate(message.get("tool_calls") or ())]
        called = any(isinstance(part, ToolCall) for part in parts)
        stop = stop_of(document.get("done_reason"), called=called)
        return Answer("", str(document.get("model", "")), parts, stop, usage=decode_usage(document))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise MalformedAnswerError(f"not a chat response: {error!r}") from error


def stop_of(reason: Any, *, called: bool) -> StopReason:
    """Return the stop reason; this dialect has no separate reason for calls."""
    stop = STOP_OF.get(reason, StopReason.END)
    return StopReason.TOOL_CALLS if called and stop is StopReason.END else stop


def read_call(call: Any, number: int) -> ToolCall:
    """Read a call; ``number`` gives it an id if there is none."""
    function = call["function"]
    return ToolCall(call.get("id") or f"call_{number}", function["name"], json_bytes.encode_text(function.get("arguments") or {}))


def write_call(call: ToolCall) -> dict[str, Any]:
    """Write a call."""
    return {"id": call.id, "function": {"name": call.name, "arguments": arguments_so_far(call)}}


def encode_answer(answer: Answer, *, created_s: int = 0) -> dict[str, Any]:
    """Write a complete response."""
    texts = [part.text if isinstance(part, Text) else part.as_text for part in answer.parts if isinstance(part, Text | Code | CodeResult)]
    message: dict[str, Any] = {"role": "assistant", "content": "".join(texts)}
    if thoughts := "".join(part.text for part in answer.parts if isinstance(part, Thinking)):
        message["thinking"] = thoughts
    if calls := [write_call(part) for part in answer.parts if isinstance(part, ToolCall)]:
        message["tool_calls"] = calls
    return {
        "model": answer.model,
        "created_at": timestamp(created_s),
        "message": message,
        "done": True,
        "done_reason": DONE_OF.get(answer.stop, "stop"),
        **encode_usage(answer.usage),
    }


def timestamp(created_s: int) -> str:
    """Return a date in this dialect's format."""
    return datetime.fromtimestamp(created_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def decode_usage(document: Any) -> Usage:
    """Read usage; the prompt count is missing if the prompt was cached, which does not mean zero."""
    return Usage(count(document.get("prompt_eval_count")), count(document.get("eval_count")))


def encode_usage(usage: Usage) -> dict[str, Any]:
    """Write usage."""
    document: dict[str, Any] = {"total_duration": 0, "load_duration": 0, "prompt_eval_duration": 0, "eval_duration": 0}
    if usage.input_tokens is not None:
        document["prompt_eval_count"] = usage.prompt_tokens
    if usage.output_tokens is not None:
        document["eval_count"] = usage.output_tokens
    return document
