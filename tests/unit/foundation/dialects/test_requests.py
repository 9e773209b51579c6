"""Requests are read as written, translated with what is lost named, and refused with the place of the fault."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.dialects import DIALECTS, json_bytes
from foundation.dialects.model.content import Kept, Media, Text, Thinking, ToolCall, ToolResult
from foundation.dialects.model.errors import RequestError
from foundation.dialects.model.request import ChatRequest, Message, OutputFormat, Reasoning, Tool, ToolChoice

PNG = "iVBORw0KGgo="
every_dialect = pytest.mark.parametrize("name", DIALECTS)


def conversation(name: str) -> ChatRequest:
    """A request with everything that all four dialects can say."""
    calls = [ToolCall("call_0", "weather", '{"city":"Oslo"}'), ToolCall("call_1", "clock", "{}")]
    if name == "gemini":
        for call in calls:
            call.signature = "sig"
    named = name in ("gemini", "ollama")
    results: list[Any] = [
        ToolResult("call_0", [Text("rain")], name="weather" if named else ""),
        ToolResult("call_1", [Text("12:00")], name="clock" if named else ""),
    ]
    return ChatRequest(
        model="m",
        messages=[
            Message("user", [Text("look"), Media("image", "image/png", data=PNG)]),
            Message("assistant", [Text("I ask"), *calls]),
            Message("user", results),
        ],
        system=[Text("be brief")],
        max_output_tokens=100,
        stop=["END"],
        tools=[Tool("weather", "of a city", {"type": "object", "properties": {"city": {"type": "string"}}})],
        reasoning=Reasoning(effort="high"),
        output_format=OutputFormat({"type": "object"}),
        stream=True,
    )


@every_dialect
def test_a_conversation_is_read_as_written(name: str) -> None:
    request = conversation(name)
    document, lost = DIALECTS[name].encode_request(request)
    assert lost == ()
    again = DIALECTS[name].decode_request(json_bytes.decode(json_bytes.encode(document)), model="m", stream=True)
    assert again == request


@pytest.mark.parametrize(("name", "other"), [(one, two) for one in DIALECTS for two in DIALECTS if one != two])
def test_a_conversation_survives_translation(name: str, other: str) -> None:
    read = DIALECTS[name].decode_request(DIALECTS[name].encode_request(conversation(name)).document, model="m", stream=True)
    again = DIALECTS[other].decode_request(DIALECTS[other].encode_request(read).document, model="m", stream=True)
    assert [message.role for message in again.messages] == ["user", "assistant", "user"]
    call = next(part for part in again.messages[1].parts if isinstance(part, ToolCall))
    assert (call.name, json_bytes.decode(call.arguments)) == ("weather", {"city": "Oslo"})
    results = [part for part in again.messages[2].parts if isinstance(part, ToolResult)]
    assert [[part.text for part in result.content if isinstance(part, Text)] for result in results] == [["rain"], ["12:00"]]
    media = next(part for part in again.messages[0].parts if isinstance(part, Media))
    assert (media.media_type, media.data) == ("image/png", PNG)


@pytest.mark.parametrize("choice", [ToolChoice("auto"), ToolChoice("none"), ToolChoice("required"), ToolChoice("named", "weather")])
@pytest.mark.parametrize("name", ["openai", "anthropic", "gemini"])
def test_the_choice_of_a_tool(name: str, choice: ToolChoice) -> None:
    request = conversation(name)
    request.tool_choice = choice
    assert DIALECTS[name].decode_request(DIALECTS[name].encode_request(request).document, model="m").tool_choice == choice


def test_the_current_version_of_anthropic_takes_no_temperature_and_the_loss_is_named() -> None:
    document, lost = DIALECTS["anthropic"].encode_request(ChatRequest("m", [Message("user", [Text("x")])], temperature=1.0, seed=3))
    assert lost == ("temperature", "seed")
    assert not {"temperature", "seed"} & set(document)
    assert document["max_tokens"] > 0


def test_unsigned_thoughts_are_not_sent_to_anthropic() -> None:
    request = ChatRequest("m", [Message("user", [Text("x")]), Message("assistant", [Thinking("hm"), Text("y")])])
    document, lost = DIALECTS["anthropic"].encode_request(request)
    assert lost == ("thinking",)
    assert document["messages"][1]["content"] == "y"


def test_ollama_takes_no_image_by_url() -> None:
    request = ChatRequest("m", [Message("user", [Media("image", "", url="https://example.org/a.png")])])
    with pytest.raises(RequestError, match="base64"):
        DIALECTS["ollama"].encode_request(request)


@pytest.mark.parametrize(
    ("name", "document", "place"),
    [
        ("openai", {"model": "m"}, "messages"),
        ("openai", {"model": "m", "messages": [{"role": "user", "content": 3}]}, r"messages\[0\]\.content"),
        ("openai", {"model": "m", "messages": [{"role": "wizard"}]}, r"messages\[0\]\.role"),
        ("openai", {"model": "m", "messages": [{"role": "user", "content": "x"}], "temperature": 3}, "temperature"),
        ("openai", {"model": "m", "messages": [{"role": "user", "content": "x"}], "max_tokens": True}, "max_tokens"),
        ("anthropic", {"model": "m", "messages": [{"role": "user", "content": "x"}]}, "max_tokens"),
        ("anthropic", {"model": "m", "max_tokens": 1, "messages": [{"role": "system", "content": "x"}]}, "role"),
        ("anthropic", {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": [{"type": "text"}]}]}, "text"),
        ("gemini", {"contents": []}, "contents"),
        ("gemini", {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "%%"}}]}]}, "base64"),
        ("ollama", {"model": "m", "messages": [{"role": "user", "content": ["x"]}]}, "content"),
        ("ollama", [], "the body"),
    ],
)
def test_a_wrong_request_is_refused_with_its_place(name: str, document: Any, place: str) -> None:
    with pytest.raises(RequestError, match=place):
        DIALECTS[name].decode_request(document, model="" if name != "gemini" else "m")


KEYS = [
    "model",
    "messages",
    "role",
    "content",
    "type",
    "text",
    "tools",
    "function",
    "name",
    "parts",
    "contents",
    "image_url",
    "url",
    "source",
    "input",
    "id",
    "max_tokens",
    "tool_calls",
    "system",
    "stream_options",
    "response_format",
    "functionCall",
    "args",
    "think",
    "options",
    "inlineData",
    "data",
    "mimeType",
    "generationConfig",
]
shapes: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(["user", "assistant", "text", "tool", "x", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=20,
)


@every_dialect
@settings(max_examples=30)
@given(document=shapes)
def test_any_document_is_read_or_refused(name: str, document: Any) -> None:
    base = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}], "contents": [{"parts": [{"text": "x"}]}]}
    for one in (document, {**base, **document} if isinstance(document, dict) else document):
        try:
            request = DIALECTS[name].decode_request(one)
            for dialect in DIALECTS.values():
                with contextlib.suppress(RequestError):
                    json_bytes.encode(dialect.encode_request(request).document)
        except RequestError:
            pass


def test_google_s_own_spelling_is_read() -> None:
    document = {
        "contents": [{"parts": [{"text": "x"}]}],
        "generation_config": {"max_output_tokens": 5, "top_k": 40.0},
        "tools": [
            {
                "function_declarations": [
                    {"name": "f", "parameters": {"type": "OBJECT", "properties": {"my_key": {"type": "STRING", "nullable": True}}}}
                ]
            },
            {"google_search": {}},
        ],
    }
    request = DIALECTS["gemini"].decode_request(document, model="m")
    assert (request.max_output_tokens, request.top_k) == (5, 40)
    assert request.tools[0].parameters == {"type": "object", "properties": {"my_key": {"type": ["string", "null"]}}}
    assert request.extra["tools"] == [{"googleSearch": {}}]


@pytest.mark.parametrize(("name", "place"), [("gemini", ("functionResponse", "name")), ("ollama", ("tool_name",))])
def test_a_result_has_the_name_of_its_own_turn_s_call_where_ids_come_again(name: str, place: tuple[str, ...]) -> None:
    turns = [
        message
        for tool in ("search", "read")
        for message in (Message("assistant", [ToolCall("call_0", tool, "{}")]), Message("user", [ToolResult("call_0", [Text("ok")])]))
    ]
    document = DIALECTS[name].encode_request(ChatRequest("m", turns)).document
    found = []
    for message in document.get("contents") or document["messages"]:
        for part in message.get("parts", [message]):
            inner = part
            for key in place:
                inner = inner.get(key, {})
            found += [inner] if inner else []
    assert found == ["search", "read"]


def test_a_result_s_media_reach_gemini_by_either_way_and_what_is_lost_of_it_is_named() -> None:
    result = ToolResult(
        "i", [Text("see"), Media("image", "", url="https://example.com/a.png"), Kept("anthropic", {"type": "search_result"})]
    )
    request = ChatRequest("m", [Message("assistant", [ToolCall("i", "look", "{}")]), Message("user", [result])])
    document, lost = DIALECTS["gemini"].encode_request(request)
    response = document["contents"][1]["parts"][0]["functionResponse"]
    assert response["parts"] == [{"fileData": {"fileUri": "https://example.com/a.png"}}]
    assert lost == ("tool_result.content",)
    assert DIALECTS["openai"].encode_request(request).lost == ("tool_result.content",)


def test_thoughts_of_other_models_that_an_anthropic_client_sends_back_are_not_passed_off_as_signed() -> None:
    blocks = [{"type": "thinking", "thinking": "hm", "signature": ""}, {"type": "text", "text": "y"}]
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "content": blocks}, {"role": "user", "content": "z"}]
    request = DIALECTS["anthropic"].decode_request({"model": "m", "max_tokens": 9, "messages": messages})
    document, lost = DIALECTS["anthropic"].encode_request(request)
    assert document["messages"][1]["content"] == "y"
    assert lost == ("thinking",)


def test_media_in_a_result_of_gemini_are_read() -> None:
    image = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    called = {"role": "model", "parts": [{"functionCall": {"id": "i", "name": "look"}}]}
    answered = {"functionResponse": {"id": "i", "name": "look", "response": {"result": "see"}, "parts": [image]}}
    request = DIALECTS["gemini"].decode_request({"contents": [called, {"role": "user", "parts": [answered]}]}, model="m")
    assert request.messages[1].parts == [ToolResult("i", [Text("see"), Media("image", "image/png", data="AAAA")], name="look")]
