"""Reading a Messages request."""

from __future__ import annotations

from typing import Any, Final

from foundation.dialects import json_bytes
from foundation.dialects.media import checked_base64
from foundation.dialects.model.content import Kept, Media, MediaKind, Part, Text, Thinking, ToolCall, ToolResult
from foundation.dialects.model.errors import RequestError
from foundation.dialects.model.reading import Fields
from foundation.dialects.model.request import ChatRequest, Message, OutputFormat, Reasoning, Tool, ToolChoice

_CHOICES: Final = {"auto": "auto", "any": "required", "none": "none", "tool": "named"}


def decode_request(document: Any, *, model: str = "", stream: bool | None = None) -> ChatRequest:
    """Read a request. Raises ``RequestError``."""
    fields = Fields(document)
    metadata = fields.inner("metadata")
    choice = fields.inner("tool_choice")
    output = fields.inner("output_config")
    most = fields.whole("max_tokens", least=1)
    if most is None:
        raise RequestError("max_tokens is required")
    tools, own = _tools(fields.items("tools"))
    fields.taken |= {"model", "stream"}  # these may come from the URL, but are also accepted here
    request = ChatRequest(
        model=model or fields.needed("model"),
        messages=[_message(Fields(item, f"messages[{index}]")) for index, item in enumerate(fields.items("messages"))],
        system=_system(fields.any("system")),
        max_output_tokens=most,
        temperature=fields.number("temperature", 0, 1),
        top_p=fields.number("top_p", 0, 1),
        top_k=fields.whole("top_k", least=0),
        stop=fields.texts("stop_sequences"),
        tools=tools,
        tool_choice=_tool_choice(choice),
        parallel_tool_calls=False if choice and choice.flag("disable_parallel_tool_use") else None,
        reasoning=_reasoning(fields.inner("thinking"), output),
        output_format=_output_format(output),
        user=(metadata.text("user_id") or "") if metadata else "",
        stream=bool(fields.flag("stream")) if stream is None else stream,
    )
    if not request.messages:
        raise RequestError("messages is required and must have at least one message")
    request.extra = fields.rest()
    if own:
        request.extra["tools"] = own
    return request


def _system(value: Any) -> list[Text]:
    if value is None or isinstance(value, str):
        return [Text(value)] if value else []
    if not isinstance(value, list):
        raise RequestError("system must be a string or a list of text blocks")
    fields = [Fields(item, f"system[{index}]") for index, item in enumerate(value)]
    return [Text(item.text("text") or "", item.any("cache_control")) for item in fields]


def _message(fields: Fields) -> Message:
    role = fields.needed("role")
    if role not in ("user", "assistant"):
        raise RequestError(f"{fields.place('role')} must be user or assistant, not {role[:40]!r}; a system prompt goes into system")
    parts = _content(fields, "content")
    if role == "assistant" and any(isinstance(part, Media) for part in parts):
        raise RequestError(f"{fields.place('content')}: an assistant's turn holds no images or documents")
    return Message("user" if role == "user" else "assistant", parts)


def _content(fields: Fields, name: str) -> list[Part]:
    content = fields.any(name)
    if isinstance(content, str):
        return [Text(content)] if content else []
    if not isinstance(content, list):
        raise RequestError(f"{fields.place(name)} must be a string or a list of blocks")
    return [_block(Fields(item, fields.place(f"{name}[{index}]"))) for index, item in enumerate(content)]


def _block(fields: Fields) -> Part:
    match fields.needed("type"):
        case "text":
            if "text" not in fields.document:
                raise RequestError(f"{fields.place('text')} is required")
            return Text(fields.text("text") or "", fields.any("cache_control"))
        case "image":
            return _media(fields, "image")
        case "document" if isinstance(fields.any("source"), dict) and fields.any("source").get("type") in ("base64", "url"):
            return _media(fields, "document")
        case "tool_use":
            call = fields.inner("input")
            return ToolCall(fields.needed("id"), fields.needed("name"), json_bytes.encode_text(call.document if call else {}))
        case "tool_result":
            content = _content(fields, "content") if fields.any("content") is not None else []
            return ToolResult(fields.needed("tool_use_id"), content, bool(fields.flag("is_error")))
        case "thinking":
            return Thinking(fields.text("thinking") or "", fields.text("signature") or None)  # other models' thoughts come back unsigned
        case "redacted_thinking":
            return Thinking("", redacted=fields.needed("data"))
        case _:
            return Kept("anthropic", fields.document)


def _media(fields: Fields, kind: MediaKind) -> Media:
    source = fields.inner("source")
    if source is None:
        raise RequestError(f"{fields.place('source')} is required")
    match source.needed("type"):
        case "base64":
            data = checked_base64(source.needed("data"), source.place("data"))
            return Media(kind, source.needed("media_type"), data=data, name=fields.text("title") or "")
        case "url":
            url = source.needed("url")
            if not url.startswith(("https://", "http://")):
                raise RequestError(f"{source.place('url')} must be an http or https URL")
            return Media(kind, "", url=url, name=fields.text("title") or "")
        case other:
            raise RequestError(f"{source.place('type')} must be base64 or url, not {other[:40]!r}")


def _tools(items: list[Any]) -> tuple[list[Tool], list[Any]]:
    """Return the client's tools, and Anthropic's server-side tools, which no other dialect has."""
    tools: list[Tool] = []
    own: list[Any] = []
    for index, item in enumerate(items):
        fields = Fields(item, f"tools[{index}]")
        if (fields.text("type") or "custom") != "custom":
            own.append(item)
            continue
        schema = fields.inner("input_schema")
        if schema is None:
            raise RequestError(f"{fields.place('input_schema')} is required")
        tools.append(Tool(fields.needed("name"), fields.text("description") or "", schema.document, fields.flag("strict")))
    return tools, own


def _tool_choice(choice: Fields | None) -> ToolChoice | None:
    if choice is None:
        return None
    kind = choice.needed("type")
    if kind not in _CHOICES:
        raise RequestError(f"tool_choice.type must be auto, any, none or tool, not {kind[:40]!r}")
    return ToolChoice("named", choice.needed("name")) if kind == "tool" else ToolChoice(_CHOICES[kind])  # type: ignore[arg-type]


def _reasoning(thinking: Fields | None, output: Fields | None) -> Reasoning | None:
    effort = (output.text("effort") if output else None) or ""
    if thinking is None:
        return Reasoning(effort=effort) if effort else None
    kind = thinking.needed("type")
    if kind not in ("enabled", "adaptive", "disabled"):
        raise RequestError(f"thinking.type must be enabled, adaptive or disabled, not {kind[:40]!r}")
    budget = thinking.whole("budget_tokens", least=1024)
    if kind == "enabled" and budget is None:
        raise RequestError("thinking.budget_tokens is required where thinking.type is enabled")
    return Reasoning(kind != "disabled", effort, budget)


def _output_format(output: Fields | None) -> OutputFormat | None:
    form = output.inner("format") if output else None
    if form is None:
        return None
    schema = form.inner("schema")
    if form.needed("type") != "json_schema" or schema is None:
        raise RequestError("output_config.format must be of type json_schema with a schema")
    return OutputFormat(schema.document)
