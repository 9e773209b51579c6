"""Complete (not streamed) responses, usage and finish reasons."""

from __future__ import annotations

from typing import Any, Final

from foundation.dialects import json_bytes
from foundation.dialects.calls import arguments_so_far
from foundation.dialects.gemini.parts import code_part, code_result_part, read_code, read_code_result
from foundation.dialects.model.answer import Answer, StopReason
from foundation.dialects.model.content import Code, CodeResult, Kept, Part, Text, Thinking, ToolCall
from foundation.dialects.model.errors import MalformedAnswerError
from foundation.dialects.model.usage import Usage, count

STOP_OF: Final = {
    "STOP": StopReason.END,
    "MAX_TOKENS": StopReason.MAX_TOKENS,
    "CONTINUATION": StopReason.PAUSE,
    "MALFORMED_FUNCTION_CALL": StopReason.MALFORMED_CALL,
    "UNEXPECTED_TOOL_CALL": StopReason.MALFORMED_CALL,
    "TOO_MANY_TOOL_CALLS": StopReason.MALFORMED_CALL,
    "MISSING_THOUGHT_SIGNATURE": StopReason.MALFORMED_CALL,
    **dict.fromkeys(
        ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "LANGUAGE"), StopReason.CONTENT_FILTER
    ),
}
FINISH_OF: Final = {
    StopReason.END: "STOP",
    StopReason.STOP_SEQUENCE: "STOP",
    StopReason.TOOL_CALLS: "STOP",
    StopReason.PAUSE: "CONTINUATION",
    StopReason.MAX_TOKENS: "MAX_TOKENS",
    StopReason.CONTEXT_LENGTH: "MAX_TOKENS",
    StopReason.CONTENT_FILTER: "SAFETY",
    StopReason.REFUSAL: "SAFETY",
    StopReason.MALFORMED_CALL: "MALFORMED_FUNCTION_CALL",
}
#: Fields next to the parts of a candidate that are kept unchanged.
KEPT: Final = ("groundingMetadata", "citationMetadata", "urlContextMetadata", "safetyRatings", "logprobsResult", "avgLogprobs")


def decode_answer(document: Any) -> Answer:
    """Read a complete response. Raises ``MalformedAnswerError``."""
    try:
        answer = Answer(
            str(document.get("responseId", "")),
            str(document.get("modelVersion", "")),
            [],
            usage=decode_usage(document.get("usageMetadata")),
        )
        candidates = document.get("candidates")
        if not candidates:  # the prompt was blocked, so the response is empty
            if "promptFeedback" not in document:
                raise KeyError("candidates")  # noqa: TRY301
            answer.stop, answer.kept_by = StopReason.CONTENT_FILTER, "gemini"
            answer.kept = {"promptFeedback": document["promptFeedback"]}
            return answer
        candidate = candidates[0]
        for part in (candidate.get("content") or {}).get("parts") or ():
            add_part(answer.parts, part)
        called = any(isinstance(part, ToolCall) for part in answer.parts)
        answer.stop = stop_of(candidate.get("finishReason"), called=called)
        answer.kept = {name: candidate[name] for name in KEPT if name in candidate}
        answer.kept_by = "gemini" if answer.kept else ""
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise MalformedAnswerError(f"not a generateContent response: {error!r}") from error
    return answer


def stop_of(finish: Any, *, called: bool) -> StopReason:
    """Return the stop reason; a turn that ends in calls has ``STOP`` here, but a tool-call reason in the other dialects."""
    stop = STOP_OF.get(finish, StopReason.END)
    return StopReason.TOOL_CALLS if called and stop is StopReason.END else stop


def add_part(parts: list[Part], part: dict[str, Any]) -> None:
    """Read one part."""
    signature = part.get("thoughtSignature")
    if part.get("thought"):
        parts.append(Thinking(part.get("text") or "", signature))
    elif "functionCall" in part:
        call = part["functionCall"]
        number = sum(isinstance(known, ToolCall) for known in parts)
        parts.append(ToolCall(call.get("id") or f"call_{number}", call["name"], json_bytes.encode_text(call.get("args") or {}), signature))
    elif "executableCode" in part:
        parts.append(read_code(part["executableCode"]))
    elif "codeExecutionResult" in part:
        parts.append(read_code_result(part["codeExecutionResult"]))
    elif "text" in part:
        if part["text"]:
            parts.append(Text(part["text"]))
    else:
        parts.append(Kept("gemini", part))


def encode_answer(answer: Answer, *, created_s: int = 0) -> dict[str, Any]:  # noqa: ARG001  # this dialect dates nothing
    """Write a complete response."""
    parts = [written for part in answer.parts if (written := encode_part(part)) is not None]
    candidate: dict[str, Any] = {
        "content": {"role": "model", "parts": parts},
        "finishReason": FINISH_OF[answer.stop],
        "index": 0,
    }
    blocked = {}
    if answer.kept_by == "gemini":
        candidate.update({name: value for name, value in answer.kept.items() if name in KEPT})
        blocked = {name: value for name, value in answer.kept.items() if name == "promptFeedback"}
    return {
        **(blocked or {"candidates": [candidate]}),
        **({"usageMetadata": encode_usage(answer.usage)} if answer.usage.complete else {}),
        "modelVersion": answer.model,
        "responseId": answer.id,
    }


def encode_part(part: Part) -> dict[str, Any] | None:
    """Return one part; None if this dialect has no such part."""
    match part:
        case Text(text):
            return {"text": text}
        case Thinking(text, signature, redacted):
            if redacted is not None:
                return None
            return {"text": text, "thought": True, **({"thoughtSignature": signature} if signature else {})}
        case ToolCall():
            return encode_call(part)
        case Code():
            return code_part(part)
        case CodeResult():
            return code_result_part(part)
        case Kept(dialect="gemini", value=value):
            return dict(value)
        case _:
            return None


def encode_call(call: ToolCall) -> dict[str, Any]:
    """Return a function call."""
    part = {"functionCall": {"id": call.id, "name": call.name, "args": arguments_so_far(call)}}
    return {**part, "thoughtSignature": call.signature} if call.signature else part


def decode_usage(document: Any) -> Usage:
    """Read usage: the prompt count includes cached tokens; the candidates count excludes thoughts, which are also billed as output."""
    if not isinstance(document, dict):
        return Usage()
    prompt, output = count(document.get("promptTokenCount")), count(document.get("candidatesTokenCount"))
    cached, thoughts = count(document.get("cachedContentTokenCount")) or 0, count(document.get("thoughtsTokenCount")) or 0
    by_tools = count(document.get("toolUsePromptTokenCount")) or 0
    if output is None and thoughts:
        output = 0  # thoughts so far, but no content
    return Usage(
        None if prompt is None else max(0, prompt - cached) + by_tools,
        None if output is None else output + thoughts,
        cache_read_tokens=cached,
        reasoning_tokens=thoughts,
    )


def encode_usage(usage: Usage) -> dict[str, Any]:
    """Write usage."""
    output = usage.output_tokens or 0
    document = {
        "promptTokenCount": usage.prompt_tokens,
        "candidatesTokenCount": max(0, output - usage.reasoning_tokens),
        "totalTokenCount": usage.prompt_tokens + output,
    }
    if usage.cache_read_tokens:
        document["cachedContentTokenCount"] = usage.cache_read_tokens
    if usage.reasoning_tokens:
        document["thoughtsTokenCount"] = usage.reasoning_tokens
    return document
