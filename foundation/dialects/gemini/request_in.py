"""Reading a generateContent request. Field names may be camelCase or snake_case, as in protobuf's JSON."""

from __future__ import annotations

import re
from typing import Any, Final

from foundation.dialects import json_bytes
from foundation.dialects.gemini.parts import read_code, read_code_result
from foundation.dialects.media import checked_base64
from foundation.dialects.model.content import Kept, Media, MediaKind, Part, Text, Thinking, ToolCall, ToolResult
from foundation.dialects.model.errors import RequestError
from foundation.dialects.model.reading import Fields
from foundation.dialects.model.request import ChatRequest, Message, OutputFormat, Reasoning, Tool, ToolChoice

_MODES: Final = {"AUTO": "auto", "NONE": "none", "ANY": "required", "VALIDATED": "auto"}
_LETTER_AFTER_UNDERSCORE: Final = re.compile(r"_([a-z])")
#: Objects whose own keys are the client's, not the API's.
_FREE: Final = frozenset({"args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema", "properties"})


def camel(value: Any) -> Any:
    """Return a document with the API's field names in camelCase; keys of schemas, arguments and results are unchanged."""
    if isinstance(value, list):
        return [camel(one) for one in value]
    if not isinstance(value, dict):
        return value
    named = ((_LETTER_AFTER_UNDERSCORE.sub(lambda found: found[1].upper(), key), inner) for key, inner in value.items())
    return {key: inner if key in _FREE else camel(inner) for key, inner in named}


def decode_request(document: Any, *, model: str = "", stream: bool | None = None) -> ChatRequest:
    """Read a request. Raises ``RequestError``."""
    try:
        fields = Fields(camel(document))
    except RecursionError:
        raise RequestError("the body is nested too deeply") from None
    options = fields.inner("generationConfig") or Fields({}, "generationConfig")
    contents = fields.items("contents")
    if not contents:
        raise RequestError("contents is required and must have at least one content")
    calls = _Calls()
    tools, own = _tools(fields.items("tools"))
    fields.taken |= {"model", "stream"}  # these may come from the URL, but are also accepted here
    request = ChatRequest(
        model=model or fields.needed("model").removeprefix("models/"),
        messages=[_message(Fields(item, f"contents[{index}]"), calls) for index, item in enumerate(contents)],
        system=_system(fields),
        max_output_tokens=options.whole("maxOutputTokens", least=1),
        temperature=options.number("temperature", 0, 2),
        top_p=options.number("topP", 0, 1),
        top_k=_top_k(options),
        seed=options.whole("seed"),
        presence_penalty=options.number("presencePenalty", -2, 2),
        frequency_penalty=options.number("frequencyPenalty", -2, 2),
        stop=options.texts("stopSequences"),
        tools=tools,
        tool_choice=_tool_choice(fields.inner("toolConfig")),
        reasoning=_reasoning(options.inner("thinkingConfig")),
        output_format=_output_format(options),
        stream=bool(stream),
    )
    request.extra, request.extra_options = fields.rest(), options.rest()
    if own:
        request.extra["tools"] = own
    return request


def _top_k(options: Fields) -> int | None:
    value = options.number("topK", 0, 1e9)  # the API's own clients send a float
    return None if value is None else int(value)


class _Calls:
    """Ids of function calls: this dialect may leave them out and match by name and order."""

    def __init__(self) -> None:
        self._open: list[tuple[str, str]] = []
        self._made = 0

    def call(self, call_id: str | None, name: str) -> str:
        if not call_id:
            self._made += 1
            call_id = f"call_{self._made}"
        self._open.append((name, call_id))
        return call_id

    def result(self, call_id: str | None, name: str) -> str:
        for index, (called, known) in enumerate(self._open):
            if known == call_id or (not call_id and called == name):
                return self._open.pop(index)[1]
        return call_id or name


def _system(fields: Fields) -> list[Text]:
    instruction = fields.any("systemInstruction")
    if instruction is None:
        return []
    if isinstance(instruction, str):
        return [Text(instruction)]
    parts = Fields(instruction, "systemInstruction").items("parts")
    return [Text(Fields(part, f"systemInstruction.parts[{index}]").text("text") or "") for index, part in enumerate(parts)]


def _message(fields: Fields, calls: _Calls) -> Message:
    role = fields.text("role") or "user"
    if role not in ("user", "model", "function"):
        raise RequestError(f"{fields.place('role')} must be user or model, not {role[:40]!r}")
    parts = [_part(Fields(item, fields.place(f"parts[{index}]")), calls) for index, item in enumerate(fields.items("parts"))]
    return Message("assistant" if role == "model" else "user", parts)


def _part(fields: Fields, calls: _Calls) -> Part:
    signature = fields.text("thoughtSignature")
    if (text := fields.text("text")) is not None:
        if fields.flag("thought"):
            return Thinking(text, signature)
        return Text(text)
    if (call := fields.inner("functionCall")) is not None:
        name, args = call.needed("name"), call.inner("args")
        arguments = json_bytes.encode_text(args.document if args else {})
        return ToolCall(calls.call(call.text("id"), name), name, arguments, signature)
    if (result := fields.inner("functionResponse")) is not None:
        return _result(result, calls)
    if (data := fields.inner("inlineData")) is not None:
        media_type = data.needed("mimeType")
        return Media(kind_of(media_type), media_type, data=checked_base64(_standard(data.needed("data")), data.place("data")))
    if (file := fields.inner("fileData")) is not None:
        media_type = file.text("mimeType") or ""
        return Media(kind_of(media_type), media_type, url=file.needed("fileUri"))
    if (code := fields.inner("executableCode")) is not None:
        return read_code(_texts(code))
    if (output := fields.inner("codeExecutionResult")) is not None:
        return read_code_result(_texts(output))
    return Kept("gemini", fields.document)


def _texts(fields: Fields) -> dict[str, Any]:
    return {name: fields.text(name) for name in fields.document}


def _standard(data: str) -> str:
    """Return base64 in the standard alphabet; protobuf's JSON accepts both, and Google's own client sends the URL-safe one."""
    return data.replace("-", "+").replace("_", "/")


def _result(result: Fields, calls: _Calls) -> ToolResult:
    response, name = result.any("response"), result.needed("name")
    failed = isinstance(response, dict) and set(response) == {"error"}
    value = response.get("error" if failed else "result", response) if isinstance(response, dict) and len(response) == 1 else response
    text = value if isinstance(value, str) else json_bytes.encode_text(value)
    media = [_part(Fields(item, result.place(f"parts[{index}]")), calls) for index, item in enumerate(result.items("parts"))]
    return ToolResult(calls.result(result.text("id"), name), [Text(text), *media], failed, name)


def kind_of(media_type: str) -> MediaKind:
    """Return the kind of media of a MIME type."""
    match media_type.partition("/")[0]:
        case "audio":
            return "audio"
        case "video":
            return "video"
        case "application" | "text":
            return "document"
        case _:
            return "image"


def _tools(items: list[Any]) -> tuple[list[Tool], list[Any]]:
    """Return the client's functions, and Google's server-side tools, which no other dialect has."""
    tools: list[Tool] = []
    own: list[Any] = []
    for index, item in enumerate(items):
        fields = Fields(item, f"tools[{index}]")
        for number, declared in enumerate(fields.items("functionDeclarations")):
            function = Fields(declared, f"tools[{index}].functionDeclarations[{number}]")
            schema = function.inner("parametersJsonSchema") or function.inner("parameters")
            parameters = json_schema(schema.document) if schema else {"type": "object", "properties": {}}
            tools.append(Tool(function.needed("name"), function.text("description") or "", parameters))
        if rest := fields.rest():
            own.append(rest)
    return tools, own


def json_schema(value: Any) -> Any:
    """Return Google's schema (OpenAPI 3.0, types in capitals, ``nullable``) as JSON Schema."""
    if isinstance(value, list):
        return [json_schema(one) for one in value]
    if not isinstance(value, dict):
        return value
    schema = {key: json_schema(inner) for key, inner in value.items() if key != "nullable"}
    if isinstance(kind := schema.get("type"), str):
        schema["type"] = [kind.lower(), "null"] if value.get("nullable") is True else kind.lower()
    return schema


def _tool_choice(config: Fields | None) -> ToolChoice | None:
    calling = config.inner("functionCallingConfig") if config else None
    if calling is None:
        return None
    mode = calling.text("mode") or "AUTO"
    if mode not in _MODES:
        raise RequestError(f"toolConfig.functionCallingConfig.mode must be AUTO, ANY or NONE, not {mode[:40]!r}")
    names = calling.texts("allowedFunctionNames")
    return ToolChoice("named", names[0]) if mode == "ANY" and len(names) == 1 else ToolChoice(_MODES[mode])  # type: ignore[arg-type]


def _reasoning(config: Fields | None) -> Reasoning | None:
    if config is None:
        return None
    budget, level = config.whole("thinkingBudget"), (config.text("thinkingLevel") or "").lower()
    config.flag("includeThoughts")
    return Reasoning(budget != 0, "" if level == "thinking_level_unspecified" else level, budget if budget and budget > 0 else None)


def _output_format(options: Fields) -> OutputFormat | None:
    schema = options.inner("responseJsonSchema") or options.inner("responseSchema")
    media_type = options.text("responseMimeType") or ""
    if schema is not None:
        return OutputFormat(json_schema(schema.document))
    return OutputFormat() if media_type == "application/json" else None
