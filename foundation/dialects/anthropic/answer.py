"""Complete (not streamed) responses, usage and stop reasons."""

from __future__ import annotations

from typing import Any, Final

from foundation.dialects import json_bytes
from foundation.dialects.calls import arguments_so_far
from foundation.dialects.model.answer import Answer, StopReason
from foundation.dialects.model.content import Code, CodeResult, Kept, Part, Text, Thinking, ToolCall
from foundation.dialects.model.errors import MalformedAnswerError
from foundation.dialects.model.usage import Usage, count

STOP_OF: Final = {
    "end_turn": StopReason.END,
    "max_tokens": StopReason.MAX_TOKENS,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "tool_use": StopReason.TOOL_CALLS,
    "pause_turn": StopReason.PAUSE,
    "refusal": StopReason.REFUSAL,
    "model_context_window_exceeded": StopReason.CONTEXT_LENGTH,
}
REASON_OF: Final = {
    **{reason: name for name, reason in STOP_OF.items()},
    StopReason.CONTENT_FILTER: "refusal",
    StopReason.MALFORMED_CALL: "end_turn",
}


def decode_answer(document: Any) -> Answer:
    """Read a complete response. Raises ``MalformedAnswerError``."""
    try:
        parts = [_part(block) for block in document["content"]]
        stop = STOP_OF.get(document.get("stop_reason"), StopReason.END)
        usage = merge_usage(Usage(), document.get("usage"))
        return Answer(str(document.get("id", "")), str(document.get("model", "")), parts, stop, document.get("stop_sequence"), usage)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise MalformedAnswerError(f"not a message: {error!r}") from error


def _part(block: Any) -> Part:
    match block["type"]:
        case "text":
            return Text(block["text"], citations=block.get("citations") or None)
        case "thinking":
            return Thinking(block["thinking"], block.get("signature"))
        case "redacted_thinking":
            return Thinking("", redacted=block["data"])
        case "tool_use":
            return ToolCall(block["id"], block["name"], json_bytes.encode_text(block["input"]))
        case _:
            return Kept("anthropic", block)


def encode_answer(answer: Answer, *, created_s: int = 0) -> dict[str, Any]:  # noqa: ARG001  # this dialect dates nothing
    """Write a complete response."""
    return {
        "id": answer.id,
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": [block for part in answer.parts if (block := encode_block(part)) is not None],
        "stop_reason": REASON_OF[answer.stop],
        "stop_sequence": answer.stop_sequence,
        "usage": encode_usage(answer.usage),
    }


def encode_block(part: Part) -> dict[str, Any] | None:
    """Return a part as a block; None if this dialect has no such block."""
    match part:
        case Text(text):
            return {"type": "text", "text": text, **({"citations": part.citations} if part.citations else {})}
        case Thinking(text, signature, redacted):
            if redacted is not None:
                return {"type": "redacted_thinking", "data": redacted}
            return {"type": "thinking", "thinking": text, "signature": signature or ""}
        case ToolCall():
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments_so_far(part)}
        case Code() | CodeResult():
            return {"type": "text", "text": part.as_text}
        case Kept(dialect="anthropic", value=value):
            return dict(value)
        case _:
            return None


def merge_usage(before: Usage, document: Any) -> Usage:
    """Return usage updated from ``document``: its counts are cumulative, so the last value of each is the total."""
    if not isinstance(document, dict):
        return before
    kinds = document.get("cache_creation")
    written_5m, written_1h = before.cache_write_5m_tokens, before.cache_write_1h_tokens
    if (total := count(document.get("cache_creation_input_tokens"))) is not None:
        written_5m, written_1h = total, 0
    if isinstance(kinds, dict):
        written_1h = _or(count(kinds.get("ephemeral_1h_input_tokens")), 0)
        written_5m = _or(count(kinds.get("ephemeral_5m_input_tokens")), max(0, (total or 0) - written_1h))
    details, tools = document.get("output_tokens_details"), document.get("server_tool_use")
    thinking = count(details.get("thinking_tokens")) if isinstance(details, dict) else None
    searches = count(tools.get("web_search_requests")) if isinstance(tools, dict) else None
    fresh, output = count(document.get("input_tokens")), count(document.get("output_tokens"))
    return Usage(
        before.input_tokens if fresh is None else fresh,
        before.output_tokens if output is None else output,
        _or(count(document.get("cache_read_input_tokens")), before.cache_read_tokens),
        written_5m,
        written_1h,
        _or(thinking, before.reasoning_tokens),
        _or(searches, before.web_searches),
        before.batch or document.get("service_tier") == "batch",
    )


def _or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value


def encode_usage(usage: Usage) -> dict[str, Any]:
    """Write usage."""
    document: dict[str, Any] = {
        "input_tokens": usage.input_tokens or 0,
        "output_tokens": usage.output_tokens or 0,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "cache_creation_input_tokens": usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
    }
    if usage.cache_write_5m_tokens or usage.cache_write_1h_tokens:
        document["cache_creation"] = {
            "ephemeral_5m_input_tokens": usage.cache_write_5m_tokens,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        }
    if usage.reasoning_tokens:
        document["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    if usage.web_searches:
        document["server_tool_use"] = {"web_search_requests": usage.web_searches}
    if usage.batch:
        document["service_tier"] = "batch"
    return document
