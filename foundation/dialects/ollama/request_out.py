"""Writing a chat request."""

from __future__ import annotations

from typing import Any, Final

from foundation.dialects.calls import arguments, lost_in_result
from foundation.dialects.dialect import Encoded
from foundation.dialects.model.content import Media, Part, Text, Thinking, ToolCall, ToolResult
from foundation.dialects.model.errors import RequestError
from foundation.dialects.model.request import SAMPLING, ChatRequest, Message

_EFFORTS: Final = {"minimal": "low", "xhigh": "high"}


def encode_request(request: ChatRequest) -> Encoded:
    """Write a request. Raises ``RequestError``."""
    choice = request.tool_choice
    lost = ["tool_choice"] if choice is not None and choice.mode in ("required", "named") else []  # "none" is said by leaving the tools out
    lost += ["parallel_tool_calls"] if request.parallel_tool_calls is False else []
    lost += ["user"] if request.user else []
    names: dict[str, str] = {}  # id → name of the calls so far: some clients number the calls of every turn anew
    messages: list[dict[str, Any]] = []
    if request.system:
        messages.append({"role": "system", "content": "\n\n".join(text.text for text in request.system)})
    for message in request.messages:
        messages += _messages(message, names, lost)
    document: dict[str, Any] = {"model": request.model, "messages": messages, "stream": request.stream}
    options = {name: value for name in SAMPLING if (value := getattr(request, name)) is not None}
    if request.max_output_tokens is not None:
        options["num_predict"] = request.max_output_tokens
    if request.stop:
        options["stop"] = request.stop
    if options:
        document["options"] = options
    if request.tools and not (choice is not None and choice.mode == "none"):
        document["tools"] = [
            {"type": "function", "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters}}
            for tool in request.tools
        ]
    if (reasoning := request.reasoning) is not None:
        effort = _EFFORTS.get(reasoning.effort, reasoning.effort)
        document["think"] = effort if reasoning.enabled and effort else reasoning.enabled
    if (form := request.output_format) is not None:
        document["format"] = "json" if form.schema is None else form.schema
    return Encoded(document, tuple(dict.fromkeys([*lost, *request.unknown])))


def _messages(message: Message, names: dict[str, str], lost: list[str]) -> list[dict[str, Any]]:
    texts: list[str] = []
    images: list[str] = []
    thoughts: list[str] = []
    calls: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for part in message.parts:
        match part:
            case Text(text):
                texts.append(text)
            case Media():
                images.append(_image(part))
            case Thinking(text):
                thoughts.append(text)
            case ToolCall():
                names[part.id] = part.name
                calls.append({"function": {"name": part.name, "arguments": arguments(part)}})
            case ToolResult():
                if part.is_error:
                    lost.append("tool_result.is_error")
                lost += lost_in_result(part)
                results.append(_result(part, names))
                images += [_image(inner) for inner in part.content if isinstance(inner, Media)]
            case _:
                raise RequestError("a part of a message cannot be sent to Ollama: " + type(part).__name__)
    if results and not texts and not images:
        return results
    turn: dict[str, Any] = {"role": message.role, "content": "\n".join(texts)}
    if images:
        turn["images"] = images
    if any(thoughts):
        turn["thinking"] = "".join(thoughts)
    if calls:
        turn["tool_calls"] = calls
    return [*results, turn]


def _image(part: Media) -> str:
    if part.kind != "image":
        raise RequestError(f"Ollama takes no {part.kind}; send images")
    if part.data is None:
        raise RequestError("Ollama takes images as base64 only, not by URL")
    return part.data


def _result(part: ToolResult, names: dict[str, str]) -> dict[str, Any]:
    texts: list[Part] = list(part.content)
    text = "\n".join(inner.text for inner in texts if isinstance(inner, Text))
    return {"role": "tool", "tool_name": part.name or names.get(part.call_id, part.call_id), "content": text}
