"""Complete (not streamed) responses, usage and finish reasons."""

from __future__ import annotations

from typing import Any, Final

from foundation.dialects.model.answer import Answer, StopReason
from foundation.dialects.model.content import Code, CodeResult, Part, Text, Thinking, ToolCall
from foundation.dialects.model.errors import MalformedAnswerError
from foundation.dialects.model.usage import Usage, count
from foundation.dialects.openai.request_out import encode_call

STOP_OF: Final = {
    "stop": StopReason.END,
    "length": StopReason.MAX_TOKENS,
    "tool_calls": StopReason.TOOL_CALLS,
    "function_call": StopReason.TOOL_CALLS,
    "content_filter": StopReason.CONTENT_FILTER,
}
FINISH_OF: Final = {
    StopReason.END: "stop",
    StopReason.STOP_SEQUENCE: "stop",
    StopReason.PAUSE: "stop",
    StopReason.MAX_TOKENS: "length",
    StopReason.CONTEXT_LENGTH: "length",
    StopReason.TOOL_CALLS: "tool_calls",
    StopReason.CONTENT_FILTER: "content_filter",
    StopReason.REFUSAL: "content_filter",
    StopReason.MALFORMED_CALL: "stop",
}


def decode_answer(document: Any) -> Answer:
    """Read a complete response. Raises ``MalformedAnswerError``."""
    try:
        choice = document["choices"][0]
        message = choice["message"]
        parts: list[Part] = []
        if thought := message.get("reasoning_content"):
            parts.append(Thinking(str(thought)))
        if content := message.get("content"):
            parts.append(Text(str(content)))
        if refusal := message.get("refusal"):
            parts.append(Text(str(refusal)))
        parts += [_call(call) for call in message.get("tool_calls") or ()]
        stop = StopReason.REFUSAL if refusal else STOP_OF.get(choice.get("finish_reason"), StopReason.END)
        return Answer(str(document.get("id", "")), str(document.get("model", "")), parts, stop, usage=decode_usage(document.get("usage")))
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise MalformedAnswerError(f"not a chat completion: {error!r}") from error


def _call(document: Any) -> ToolCall:
    function = document["function"]
    signature = ((document.get("extra_content") or {}).get("google") or {}).get("thought_signature")
    return ToolCall(str(document.get("id") or ""), function["name"], function.get("arguments") or "", signature)


def encode_answer(answer: Answer, *, created_s: int = 0) -> dict[str, Any]:
    """Write a complete response."""
    texts = [part.text for part in answer.parts if isinstance(part, Text)]
    thoughts = [part.text for part in answer.parts if isinstance(part, Thinking)]
    calls = [encode_call(part) for part in answer.parts if isinstance(part, ToolCall)]
    texts += [part.as_text for part in answer.parts if isinstance(part, Code | CodeResult)]
    message: dict[str, Any] = {"role": "assistant", "content": "".join(texts) if texts else None, "refusal": None}
    if any(thoughts):
        message["reasoning_content"] = "".join(thoughts)
    if calls:
        message["tool_calls"] = calls
    document = {
        "id": answer.id,
        "object": "chat.completion",
        "created": created_s,
        "model": answer.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": FINISH_OF[answer.stop]}],
    }
    if answer.usage.complete:
        document["usage"] = encode_usage(answer.usage)
    return document


def decode_usage(document: Any) -> Usage:
    """Read usage; the prompt count includes cached tokens here, and the completion count reasoning tokens."""
    if not isinstance(document, dict):
        return Usage()
    prompt, completion = count(document.get("prompt_tokens")), count(document.get("completion_tokens"))
    inner = document.get("prompt_tokens_details")
    cached = (count(inner.get("cached_tokens")) or 0) if isinstance(inner, dict) else 0
    written = (count(inner.get("cache_write_tokens")) or 0) if isinstance(inner, dict) else 0
    outer = document.get("completion_tokens_details")
    reasoning = (count(outer.get("reasoning_tokens")) or 0) if isinstance(outer, dict) else 0
    if reasoning and prompt is not None and completion is not None and document.get("total_tokens") == prompt + completion + reasoning:
        completion += reasoning  # xAI counts reasoning beside the completion, OpenAI within it
    fresh = None if prompt is None else max(0, prompt - cached - written)
    return Usage(fresh, completion, cache_read_tokens=cached, cache_write_5m_tokens=written, reasoning_tokens=reasoning)


def encode_usage(usage: Usage) -> dict[str, Any]:
    """Write usage."""
    output = usage.output_tokens or 0
    details: dict[str, Any] = {"cached_tokens": usage.cache_read_tokens}
    if written := usage.cache_write_5m_tokens + usage.cache_write_1h_tokens:
        details["cache_write_tokens"] = written
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": output,
        "total_tokens": usage.prompt_tokens + output,
        "prompt_tokens_details": details,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }
