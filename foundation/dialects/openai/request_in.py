"""Reading a chat completions request."""

from __future__ import annotations

from typing import Any, Final

from foundation.dialects.media import parse_data_url
from foundation.dialects.model.content import Kept, Media, Part, Text, Thinking, ToolCall, ToolResult
from foundation.dialects.model.errors import RequestError
from foundation.dialects.model.reading import Fields
from foundation.dialects.model.request import ChatRequest, Message, OutputFormat, Reasoning, Tool, ToolChoice

_AUDIO_TYPES: Final = {"wav": "audio/wav", "mp3": "audio/mpeg"}


def decode_request(document: Any, *, model: str = "", stream: bool | None = None) -> ChatRequest:
    """Read a request. Raises ``RequestError``."""
    fields = Fields(document)
    options = fields.inner("stream_options")
    # All of these are read before the remaining fields count as unknown.
    fields.taken |= {"model", "stream"}  # these may come from the URL, but are also accepted here
    request = ChatRequest(
        model=model or fields.needed("model"),
        messages=[],
        max_output_tokens=_either(fields.whole("max_completion_tokens", least=1), fields.whole("max_tokens", least=1)),
        temperature=fields.number("temperature", 0, 2),
        top_p=fields.number("top_p", 0, 1),
        top_k=fields.whole("top_k", least=0),
        seed=fields.whole("seed"),
        presence_penalty=fields.number("presence_penalty", -2, 2),
        frequency_penalty=fields.number("frequency_penalty", -2, 2),
        stop=fields.texts("stop"),
        tools=[_tool(item, f"tools[{index}]") for index, item in enumerate(fields.items("tools"))],
        tool_choice=_tool_choice(fields),
        parallel_tool_calls=fields.flag("parallel_tool_calls"),
        reasoning=_reasoning(fields.text("reasoning_effort")),
        output_format=_output_format(fields),
        user=fields.text("user") or "",
        stream=bool(fields.flag("stream")) if stream is None else stream,
        reports_usage=bool(options and options.flag("include_usage")),
    )
    messages = fields.items("messages")
    if not messages:
        raise RequestError("messages is required and must have at least one message")
    for index, item in enumerate(messages):
        _message(Fields(item, f"messages[{index}]"), request)
    request.extra = fields.rest()
    return request


def _either(first: int | None, second: int | None) -> int | None:
    return second if first is None else first


def _message(fields: Fields, request: ChatRequest) -> None:
    role = fields.needed("role")
    match role:
        case "system" | "developer":
            request.system += [part for part in _content(fields) if isinstance(part, Text)]
        case "user":
            _turn(request, "user", _content(fields))
        case "tool":
            result = ToolResult(fields.needed("tool_call_id"), _content(fields))
            _turn(request, "user", [result])
        case "assistant":
            _turn(request, "assistant", _assistant(fields))
        case _:
            raise RequestError(f"{fields.place('role')} must be system, developer, user, assistant or tool, not {role[:40]!r}")


def _turn(request: ChatRequest, role: Any, parts: list[Part]) -> None:
    """Add parts to the turn of ``role``: results of parallel calls are separate messages here, but one turn in other dialects."""
    last = request.messages[-1] if request.messages else None
    if last is not None and last.role == role == "user" and isinstance(last.parts[-1] if last.parts else None, ToolResult):
        last.parts += parts
    else:
        request.messages.append(Message(role, parts))


def _assistant(fields: Fields) -> list[Part]:
    parts: list[Part] = []
    if thought := fields.text("reasoning_content"):
        parts.append(Thinking(thought))
    parts += _content(fields)
    if refusal := fields.text("refusal"):
        parts.append(Text(refusal))
    for index, item in enumerate(fields.items("tool_calls")):
        call = Fields(item, fields.place(f"tool_calls[{index}]"))
        function = call.inner("function")
        if function is None:
            raise RequestError(f"{call.place('function')} is required: only function calls are known")
        parts.append(ToolCall(call.needed("id"), function.needed("name"), function.text("arguments") or "{}", _signature(call)))
    return parts


def _signature(call: Fields) -> str | None:
    """Return Gemini's thought signature, in the field that Google's own OpenAI-compatible endpoint uses."""
    extra = call.any("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    value = google.get("thought_signature") if isinstance(google, dict) else None
    return value if isinstance(value, str) else None


def _content(fields: Fields) -> list[Part]:
    content = fields.any("content")
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [Text(content)]
    if not isinstance(content, list):
        raise RequestError(f"{fields.place('content')} must be a string or a list of parts")
    return [_part(Fields(item, fields.place(f"content[{index}]"))) for index, item in enumerate(content)]


def _part(fields: Fields) -> Part:
    match fields.needed("type"):
        case "text":
            return Text(fields.text("text") or "", fields.any("cache_control"))
        case "refusal":
            return Text(fields.text("refusal") or "")
        case "image_url":
            image = fields.inner("image_url")
            if image is None:
                raise RequestError(f"{fields.place('image_url')} is required")
            return parse_data_url(image.needed("url"), "image", image.place("url"), detail=image.text("detail") or "")
        case "input_audio":
            audio = fields.inner("input_audio")
            if audio is None or (media_type := _AUDIO_TYPES.get(audio.text("format") or "")) is None:
                raise RequestError(f"{fields.place('input_audio')} needs data and a format, wav or mp3")
            return Media("audio", media_type, data=audio.needed("data"))
        case "file" if isinstance(fields.any("file"), dict) and isinstance(fields.any("file").get("file_data"), str):
            file = fields.any("file")
            media = parse_data_url(file["file_data"], "document", fields.place("file.file_data"))
            media.name = str(file.get("filename") or "")
            return media
        case _:
            return Kept("openai", fields.document)


def _tool(item: Any, at: str) -> Tool:
    fields = Fields(item, at)
    function = fields.inner("function")
    if function is None:
        raise RequestError(f"{at}.function is required: only tools of type function are known")
    parameters = function.inner("parameters")
    return Tool(
        function.needed("name"),
        function.text("description") or "",
        parameters.document if parameters else {"type": "object", "properties": {}},
        function.flag("strict"),
    )


def _tool_choice(fields: Fields) -> ToolChoice | None:
    choice = fields.any("tool_choice")
    if choice is None:
        return None
    if choice in ("auto", "none", "required"):
        return ToolChoice(choice)
    if isinstance(choice, dict):
        function = Fields(choice, "tool_choice").inner("function")
        if function is not None:
            return ToolChoice("named", function.needed("name"))
    raise RequestError("tool_choice must be auto, none, required or a function by name")


def _reasoning(effort: str | None) -> Reasoning | None:
    return None if not effort else Reasoning(enabled=effort != "none", effort="" if effort == "none" else effort)


def _output_format(fields: Fields) -> OutputFormat | None:
    form = fields.inner("response_format")
    if form is None:
        return None
    kind = form.needed("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return OutputFormat()
    schema = form.inner("json_schema")
    if kind != "json_schema" or schema is None:
        raise RequestError("response_format.type must be text, json_object or json_schema with a json_schema")
    inner = schema.inner("schema")
    return OutputFormat(inner.document if inner else {}, schema.text("name") or "answer", bool(schema.flag("strict")))
