"""Writing a generateContent request; model and streaming go into the URL."""

from __future__ import annotations

from typing import Any, Final

from foundation.dialects.calls import arguments, lost_in_result
from foundation.dialects.dialect import Encoded
from foundation.dialects.gemini.parts import code_part, code_result_part
from foundation.dialects.model.content import Code, CodeResult, Kept, Media, Part, Text, Thinking, ToolCall, ToolResult
from foundation.dialects.model.errors import RequestError
from foundation.dialects.model.request import ChatRequest, Message, Reasoning, ToolChoice

_MODES: Final = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
_LEVELS: Final = {"minimal": "minimal", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
#: Google's documented placeholder for calls made by another model, which have no signature.
FOREIGN_SIGNATURE: Final = "skip_thought_signature_validator"
_OPTIONS: Final = {
    "max_output_tokens": "maxOutputTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}


def encode_request(request: ChatRequest) -> Encoded:
    """Write a request. Raises ``RequestError``."""
    lost = ["parallel_tool_calls"] if request.parallel_tool_calls is False else []
    lost += ["user"] if request.user else []
    names: dict[str, str] = {}  # id → name of the calls so far: some clients number the calls of every turn anew
    document: dict[str, Any] = {"contents": [_content(message, names, lost) for message in request.messages]}
    if request.system:
        document["systemInstruction"] = {"parts": [{"text": text.text} for text in request.system]}
    options: dict[str, Any] = {theirs: value for ours, theirs in _OPTIONS.items() if (value := getattr(request, ours)) is not None}
    if request.stop:
        options["stopSequences"] = request.stop
    if request.reasoning is not None:
        options["thinkingConfig"] = _thinking(request.reasoning)
    if (form := request.output_format) is not None:
        options["responseMimeType"] = "application/json"
        if form.schema is not None:
            options["responseJsonSchema"] = form.schema
    if options:
        document["generationConfig"] = options
    if request.tools:
        document["tools"] = [
            {
                "functionDeclarations": [
                    {"name": tool.name, "description": tool.description, "parametersJsonSchema": tool.parameters} for tool in request.tools
                ]
            }
        ]
        if request.tool_choice is not None:
            document["toolConfig"] = {"functionCallingConfig": _choice(request.tool_choice)}
    return Encoded(document, tuple(dict.fromkeys([*lost, *request.unknown])))


def _content(message: Message, names: dict[str, str], lost: list[str]) -> dict[str, Any]:
    parts = [written for part in message.parts if (written := _part(part, names, lost)) is not None]
    return {"role": "model" if message.role == "assistant" else "user", "parts": parts or [{"text": ""}]}


def _part(part: Part, names: dict[str, str], lost: list[str]) -> dict[str, Any] | None:
    match part:
        case Text(text):
            return {"text": text}
        case ToolCall():
            names[part.id] = part.name
            return {
                "functionCall": {"id": part.id, "name": part.name, "args": arguments(part)},
                "thoughtSignature": part.signature or FOREIGN_SIGNATURE,
            }
        case ToolResult():
            return _result(part, names, lost)
        case Thinking(text, signature, redacted):
            if signature is None or redacted is not None:
                lost.append("thinking")
                return None
            return {"text": text, "thought": True, "thoughtSignature": signature}
        case Media():
            return _media(part)
        case Code():
            return code_part(part)
        case CodeResult():
            return code_result_part(part)
        case Kept(dialect="gemini", value=value):
            return dict(value)
        case Kept(dialect=dialect):
            raise RequestError(f"a part that only {dialect} knows cannot be sent to Gemini")


def _media(part: Media) -> dict[str, Any]:
    if part.data is not None:
        return {"inlineData": {"mimeType": part.media_type, "data": part.data}}
    return {"fileData": {"fileUri": part.url, **({"mimeType": part.media_type} if part.media_type else {})}}


def _result(part: ToolResult, names: dict[str, str], lost: list[str]) -> dict[str, Any]:
    lost += lost_in_result(part)
    text = "\n".join(inner.text for inner in part.content if isinstance(inner, Text))
    document: dict[str, Any] = {
        "id": part.call_id,
        "name": part.name or names.get(part.call_id, part.call_id),
        "response": {"error" if part.is_error else "result": text},
    }
    media = [_media(inner) for inner in part.content if isinstance(inner, Media)]
    return {"functionResponse": {**document, "parts": media} if media else document}


def _choice(choice: ToolChoice) -> dict[str, Any]:
    return {"mode": "ANY", "allowedFunctionNames": [choice.name]} if choice.mode == "named" else {"mode": _MODES[choice.mode]}


def _thinking(reasoning: Reasoning) -> dict[str, Any]:
    if not reasoning.enabled:
        return {"thinkingBudget": 0}
    if reasoning.budget_tokens is not None:
        return {"thinkingBudget": reasoning.budget_tokens, "includeThoughts": True}
    if reasoning.effort:
        return {"thinkingLevel": _LEVELS.get(reasoning.effort, "high"), "includeThoughts": True}
    return {"thinkingBudget": -1, "includeThoughts": True}
