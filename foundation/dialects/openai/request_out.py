"""Writing a chat completions request."""

from __future__ import annotations

from typing import Any, Final

from foundation.dialects.calls import lost_in_result
from foundation.dialects.dialect import Encoded
from foundation.dialects.media import data_url
from foundation.dialects.model.content import Code, CodeResult, Kept, Media, Part, Text, Thinking, ToolCall, ToolResult
from foundation.dialects.model.errors import RequestError
from foundation.dialects.model.request import ChatRequest, Message, ToolChoice

_AUDIO_FORMATS: Final = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}
_EFFORT_OF_BUDGET: Final = ((2_048, "low"), (8_192, "medium"))


def encode_request(request: ChatRequest) -> Encoded:
    """Write a request. Raises ``RequestError``."""
    lost: list[str] = []
    messages: list[dict[str, Any]] = []
    if request.system:
        messages.append({"role": "system", "content": "\n\n".join(text.text for text in request.system)})
    for message in request.messages:
        messages += _messages(message, lost)
    document: dict[str, Any] = {"model": request.model, "messages": messages}
    for name in ("temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty", "parallel_tool_calls"):
        if (value := getattr(request, name)) is not None:
            document[name] = value
    if request.max_output_tokens is not None:
        document["max_tokens"] = request.max_output_tokens
    if request.stop:
        document["stop"] = request.stop
    if request.user:
        document["user"] = request.user
    _tools(request, document)
    _reasoning(request, document)
    _output_format(request, document)
    if request.stream:
        document["stream"] = True
        document["stream_options"] = {"include_usage": True}  # without it the cost of a stream is unknown
    return Encoded(document, tuple(dict.fromkeys([*lost, *request.unknown])))


def _messages(message: Message, lost: list[str]) -> list[dict[str, Any]]:
    if message.role == "assistant":
        return [_assistant(message, lost)]
    messages: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, ToolResult):
            if part.is_error:
                lost.append("tool_result.is_error")
            lost += lost_in_result(part)
            text = "\n".join(inner.text for inner in part.content if isinstance(inner, Text))
            messages.append({"role": "tool", "tool_call_id": part.call_id, "content": text})
            # A tool message holds only text; its media go into the next user turn.
            others += [_part(inner) for inner in part.content if isinstance(inner, Media)]
        else:
            others.append(_part(part))
    if others:
        only = others[0]
        messages.append({"role": "user", "content": only["text"] if len(others) == 1 and only["type"] == "text" else others})
    return messages


def _assistant(message: Message, lost: list[str]) -> dict[str, Any]:
    texts: list[str] = []
    calls: list[dict[str, Any]] = []
    for part in message.parts:
        match part:
            case Text(text):
                texts.append(text)
            case ToolCall():
                calls.append(encode_call(part))
            case Thinking():
                lost.append("thinking")  # these engines ignore reasoning of earlier turns
            case Code() | CodeResult():
                lost.append("code_execution")
            case _:
                raise RequestError("an assistant's turn with media or foreign parts cannot be sent to an OpenAI-compatible engine")
    answer: dict[str, Any] = {"role": "assistant", "content": "".join(texts) if texts else None}
    if calls:
        answer["tool_calls"] = calls
    return answer


def encode_call(call: ToolCall) -> dict[str, Any]:
    """Return a tool call as it appears in messages and responses."""
    document: dict[str, Any] = {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
    if call.signature is not None:
        document["extra_content"] = {"google": {"thought_signature": call.signature}}
    return document


def _part(part: Part) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case Media(kind="image"):
            image: dict[str, Any] = {"url": data_url(part)}
            if part.detail:
                image["detail"] = part.detail
            return {"type": "image_url", "image_url": image}
        case Media(kind="audio", data=str(data)) if part.media_type in _AUDIO_FORMATS:
            return {"type": "input_audio", "input_audio": {"data": data, "format": _AUDIO_FORMATS[part.media_type]}}
        case Media(kind="document", data=str()):
            return {"type": "file", "file": {"filename": part.name or "document", "file_data": data_url(part)}}
        case Media(kind=kind):
            raise RequestError(
                f"this {kind} cannot be sent to an OpenAI-compatible engine; send an image, wav, mp3 or a document as base64"
            )
        case Kept(dialect="openai", value=value):
            return dict(value)
        case _:
            raise RequestError("a part of a message cannot be sent to an OpenAI-compatible engine: " + type(part).__name__)


def _tools(request: ChatRequest, document: dict[str, Any]) -> None:
    if not request.tools:
        return
    document["tools"] = [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                **({"description": tool.description} if tool.description else {}),
                "parameters": tool.parameters,
                **({"strict": tool.strict} if tool.strict is not None else {}),
            },
        }
        for tool in request.tools
    ]
    if (choice := request.tool_choice) is not None:
        document["tool_choice"] = _choice(choice)


def _choice(choice: ToolChoice) -> Any:
    return {"type": "function", "function": {"name": choice.name}} if choice.mode == "named" else choice.mode


def _reasoning(request: ChatRequest, document: dict[str, Any]) -> None:
    if (reasoning := request.reasoning) is None:
        return
    if not reasoning.enabled:
        document["reasoning_effort"] = "none"
    elif reasoning.effort:
        document["reasoning_effort"] = reasoning.effort
    elif (budget := reasoning.budget_tokens) is not None:
        document["reasoning_effort"] = next((effort for bound, effort in _EFFORT_OF_BUDGET if budget <= bound), "high")


def _output_format(request: ChatRequest, document: dict[str, Any]) -> None:
    if (form := request.output_format) is None:
        return
    document["response_format"] = (
        {"type": "json_object"}
        if form.schema is None
        else {"type": "json_schema", "json_schema": {"name": form.name, "schema": form.schema, "strict": form.strict}}
    )
