"""Reading a chat request."""

from __future__ import annotations

from typing import Any

from foundation.dialects import json_bytes
from foundation.dialects.media import checked_base64
from foundation.dialects.model.content import Media, Part, Text, Thinking, ToolCall, ToolResult
from foundation.dialects.model.errors import RequestError
from foundation.dialects.model.reading import Fields
from foundation.dialects.model.request import ChatRequest, Message, OutputFormat, Reasoning, Tool


def decode_request(document: Any, *, model: str = "", stream: bool | None = None) -> ChatRequest:
    """Read a request. Raises ``RequestError``."""
    fields = Fields(document)
    options = fields.inner("options") or Fields({}, "options")
    asked = fields.flag("stream")
    most = options.whole("num_predict")
    fields.taken |= {"model", "stream"}  # these may come from the URL, but are also accepted here
    request = ChatRequest(
        model=model or fields.needed("model"),
        messages=[],
        max_output_tokens=most if most and most > 0 else None,
        temperature=options.number("temperature", 0, 100),
        top_p=options.number("top_p", 0, 1),
        top_k=options.whole("top_k", least=0),
        seed=options.whole("seed"),
        presence_penalty=options.number("presence_penalty", -2, 2),
        frequency_penalty=options.number("frequency_penalty", -2, 2),
        stop=options.texts("stop"),
        tools=[_tool(item, f"tools[{index}]") for index, item in enumerate(fields.items("tools"))],
        reasoning=_reasoning(fields.any("think")),
        output_format=_output_format(fields.any("format")),
        stream=(asked is not False) if stream is None else stream,
    )
    names: list[tuple[str, str]] = []  # name and id of the calls without a result
    for index, item in enumerate(fields.items("messages")):
        _message(Fields(item, f"messages[{index}]"), request, names)
    request.extra, request.extra_options = fields.rest(), options.rest()
    return request


def _message(fields: Fields, request: ChatRequest, names: list[tuple[str, str]]) -> None:
    text = fields.text("content") or ""
    match fields.needed("role"):
        case "system":
            request.system.append(Text(text))
        case "user":
            images: list[Part] = [
                Media("image", image_type(data), data=checked_base64(data, fields.place("images"))) for data in fields.texts("images")
            ]
            request.messages.append(Message("user", [*([Text(text)] if text else []), *images]))
        case "assistant":
            thought = fields.text("thinking")
            parts: list[Part] = [Thinking(thought)] if thought else []
            parts += [Text(text)] if text else []
            for index, item in enumerate(fields.items("tool_calls")):
                parts.append(_call(Fields(item, fields.place(f"tool_calls[{index}]")), names))
            request.messages.append(Message("assistant", parts))
        case "tool":
            name = fields.text("tool_name") or fields.text("name") or ""
            found = next((pair for pair in names if pair[0] == name or not name), None)
            if found is not None:
                names.remove(found)
            result = ToolResult(found[1] if found else name, [Text(text)], name=name)
            last = request.messages[-1] if request.messages else None
            if last is not None and last.role == "user" and isinstance(last.parts[-1] if last.parts else None, ToolResult):
                last.parts.append(result)
            else:
                request.messages.append(Message("user", [result]))
        case role:
            raise RequestError(f"{fields.place('role')} must be system, user, assistant or tool, not {role[:40]!r}")


def _call(fields: Fields, names: list[tuple[str, str]]) -> ToolCall:
    function = fields.inner("function")
    if function is None:
        raise RequestError(f"{fields.place('function')} is required")
    name, arguments = function.needed("name"), function.inner("arguments")
    call_id = fields.text("id") or f"call_{len(names)}"
    names.append((name, call_id))
    return ToolCall(call_id, name, json_bytes.encode_text(arguments.document if arguments else {}))


def image_type(data: str) -> str:
    """Return the type of an image from its first bytes: this dialect sends none."""
    for start, media_type in (("iVBOR", "image/png"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp")):
        if data.startswith(start):
            return media_type
    return "image/jpeg"


def _tool(item: Any, at: str) -> Tool:
    function = Fields(item, at).inner("function")
    if function is None:
        raise RequestError(f"{at}.function is required")
    parameters = function.inner("parameters")
    return Tool(function.needed("name"), function.text("description") or "", parameters.document if parameters else {"type": "object"})


def _reasoning(think: Any) -> Reasoning | None:
    if think is None:
        return None
    if isinstance(think, bool):
        return Reasoning(enabled=think)
    if think in ("low", "medium", "high", "max"):
        return Reasoning(effort=think)
    raise RequestError("think must be true, false, low, medium, high or max")


def _output_format(form: Any) -> OutputFormat | None:
    if form in (None, ""):
        return None
    if form == "json":
        return OutputFormat()
    if isinstance(form, dict):
        return OutputFormat(form)
    raise RequestError("format must be json or a JSON Schema")
