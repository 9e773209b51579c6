"""Writing a Messages request for API version 2026-10-21, which rejects ``temperature``, ``top_p`` and ``top_k`` with any value."""

from __future__ import annotations

from typing import Any, Final

from foundation.dialects.calls import arguments
from foundation.dialects.dialect import Encoded
from foundation.dialects.model.content import Code, CodeResult, Kept, Media, Part, Text, Thinking, ToolCall, ToolResult
from foundation.dialects.model.errors import RequestError
from foundation.dialects.model.request import SAMPLING, ChatRequest, Message, Reasoning, ToolChoice

#: Anthropic requires ``max_tokens``; this is the limit if a client of another dialect set none.
DEFAULT_MAX_TOKENS: Final = 4096
_CHOICES: Final = {"auto": "auto", "required": "any", "none": "none"}
_EFFORTS: Final = {"minimal": "low", "xhigh": "max"}
_IMAGE_TYPES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})


def encode_request(request: ChatRequest) -> Encoded:
    """Write a request. Raises ``RequestError``."""
    lost = [name for name in SAMPLING if getattr(request, name) is not None]
    document: dict[str, Any] = {
        "model": request.model,
        "max_tokens": request.max_output_tokens or DEFAULT_MAX_TOKENS,
        "messages": _turns(request.messages, lost),
    }
    if request.system:
        document["system"] = _system(request.system)
    if request.stop:
        document["stop_sequences"] = request.stop
    if request.tools:
        document["tools"] = [
            {
                "name": tool.name,
                **({"description": tool.description} if tool.description else {}),
                "input_schema": tool.parameters or {"type": "object"},
                **({"strict": True} if tool.strict else {}),
            }
            for tool in request.tools
        ]
    if request.tools and (request.tool_choice is not None or request.parallel_tool_calls is False):
        document["tool_choice"] = _tool_choice(request.tool_choice or ToolChoice("auto"), parallel=request.parallel_tool_calls)
    _output_config(request, document, lost)
    if request.user:
        document["metadata"] = {"user_id": request.user}
    if request.stream:
        document["stream"] = True
    return Encoded(document, tuple(dict.fromkeys([*lost, *request.unknown])))


def _system(texts: list[Text]) -> Any:
    if len(texts) == 1 and texts[0].cache_control is None:
        return texts[0].text
    return [_text(text) for text in texts]


def _text(part: Text) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "text", "text": part.text}
    if part.cache_control is not None:
        block["cache_control"] = part.cache_control
    return block


def _turns(messages: list[Message], lost: list[str]) -> list[dict[str, Any]]:
    """Return alternating turns: consecutive turns of one role are merged, as the provider itself would do."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        blocks = [block for part in message.parts if (block := _block(part, lost)) is not None]
        if not blocks:
            continue
        if turns and turns[-1]["role"] == message.role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": message.role, "content": blocks})
    if not turns:
        raise RequestError("messages has no content that could be sent")
    for turn in turns:
        only = turn["content"][0]
        if len(turn["content"]) == 1 and only["type"] == "text" and len(only) == 2:
            turn["content"] = only["text"]
    return turns


def _block(part: Part, lost: list[str]) -> dict[str, Any] | None:
    match part:
        case Text(text=""):
            return None  # the provider rejects empty text
        case Text():
            return _text(part)
        case ToolCall():
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments(part)}
        case ToolResult():
            inner = [block for one in part.content if (block := _block(one, lost)) is not None]
            plain = inner[0]["text"] if len(inner) == 1 and inner[0]["type"] == "text" else inner
            result = {"type": "tool_result", "tool_use_id": part.call_id, "content": plain}
            return {**result, "is_error": True} if part.is_error else result
        case Thinking(text, signature, redacted):
            if redacted is not None:
                return {"type": "redacted_thinking", "data": redacted}
            if signature is None:
                lost.append("thinking")  # unsigned thinking, from other models, is rejected
                return None
            return {"type": "thinking", "thinking": text, "signature": signature}
        case Media():
            return _media(part)
        case Code() | CodeResult():
            lost.append("code_execution")
            return None
        case Kept(dialect="anthropic", value=value):
            return dict(value)
        case Kept(dialect=dialect):
            raise RequestError(f"a part that only {dialect} knows cannot be sent to Anthropic")


def _media(part: Media) -> dict[str, Any]:
    if part.kind not in ("image", "document"):
        raise RequestError(f"Anthropic's models take no {part.kind}; send images or documents")
    if part.url is not None:
        source = {"type": "url", "url": part.url}
    elif part.kind == "image" and part.media_type not in _IMAGE_TYPES:
        raise RequestError(f"Anthropic's models take no {part.media_type or 'image without a type'}; send jpeg, png, gif or webp")
    else:
        source = {"type": "base64", "media_type": part.media_type, "data": part.data or ""}
    block: dict[str, Any] = {"type": part.kind, "source": source}
    return {**block, "title": part.name} if part.kind == "document" and part.name else block


def _tool_choice(choice: ToolChoice, *, parallel: bool | None) -> dict[str, Any]:
    document: dict[str, Any] = {"type": "tool", "name": choice.name} if choice.mode == "named" else {"type": _CHOICES[choice.mode]}
    if parallel is False and choice.mode != "none":
        document["disable_parallel_tool_use"] = True
    return document


def _output_config(request: ChatRequest, document: dict[str, Any], lost: list[str]) -> None:
    config: dict[str, Any] = {}
    if (reasoning := request.reasoning) is not None:
        document["thinking"] = _thinking(reasoning, document["max_tokens"])
        if reasoning.effort:
            config["effort"] = _EFFORTS.get(reasoning.effort, reasoning.effort)
    if (form := request.output_format) is not None:
        if form.schema is None:
            lost.append("response_format")  # this API has no option for JSON without a schema
        else:
            config["format"] = {"type": "json_schema", "schema": form.schema}
    if config:
        document["output_config"] = config


def _thinking(reasoning: Reasoning, max_tokens: int) -> dict[str, Any]:
    if not reasoning.enabled:
        return {"type": "disabled"}
    if reasoning.budget_tokens is None or max_tokens <= 1024:
        return {"type": "adaptive"}
    return {"type": "enabled", "budget_tokens": max(1024, min(reasoning.budget_tokens, max_tokens - 1))}
