"""The official SDKs talk to emulator and gateway unchanged, and what we send to providers equals what they send."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

anthropic = pytest.importorskip("anthropic", reason="needs the dependency group `gateway-parity`: run `nox -s gateway`")
import httpx
import httpx2
import ollama
import openai
from google import genai
from google.genai import types

from foundation.dialects import DIALECTS
from foundation.dialects.gemini.request_in import camel
from tests.gateway.conftest import KEY, GatewayProcess, everything

pytestmark = pytest.mark.filterwarnings("ignore")

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """The SDKs close their connections when they are collected: that is now, and not during somebody else's test."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def gateway(emulator: str, gateway_of: Callable[[dict[str, Any]], GatewayProcess]) -> str:
    return gateway_of(everything(emulator)).url


@pytest.fixture(params=["emulator", "gateway"])
def place(request: pytest.FixtureRequest, emulator: str) -> str:
    return str(request.getfixturevalue("gateway")) if request.param == "gateway" else emulator


def test_anthropic_chat_stream_tools_images_and_errors(place: str) -> None:
    client = anthropic.Anthropic(base_url=place, api_key=KEY, max_retries=0)
    message = client.messages.create(
        model="claude-sonnet-5",
        max_tokens=50,
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                    {"type": "text", "text": "echo: grüße"},
                ],
            }
        ],
    )
    assert message.content[0].text == "grüße"
    assert message.usage.input_tokens > 250
    tool = {"name": "weather", "description": "of a city", "input_schema": SCHEMA}
    with client.messages.stream(
        model="claude-sonnet-5", max_tokens=90, tools=[tool], messages=[{"role": "user", "content": "call tools in parallel"}]
    ) as stream:
        final = stream.get_final_message()
    assert final.stop_reason == "tool_use"
    assert [block.name for block in final.content] == ["weather", "weather"]
    assert all(isinstance(block.input["city"], str) for block in final.content)
    with client.messages.stream(
        model="claude-sonnet-5",
        max_tokens=2000,
        thinking={"type": "enabled", "budget_tokens": 1024},
        messages=[{"role": "user", "content": "why"}],
    ) as stream:
        kinds = [block.type for block in stream.get_final_message().content]
    assert kinds == ["thinking", "text"]
    assert client.messages.count_tokens(model="claude-sonnet-5", messages=[{"role": "user", "content": "x" * 400}]).input_tokens >= 100
    with pytest.raises(anthropic.BadRequestError):
        client.messages.create(model="claude-sonnet-5", max_tokens=0, messages=[{"role": "user", "content": "x"}])


def test_openai_chat_stream_tools_structure_and_errors(place: str) -> None:
    client = openai.OpenAI(base_url=f"{place}/v1", api_key=KEY, max_retries=0)
    answer = client.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": "echo: hello"}])
    assert answer.choices[0].message.content == "hello"
    chunks = list(client.chat.completions.create(model="gpt-5", stream=True, messages=[{"role": "user", "content": "tell me"}]))
    assert all(chunk.choices for chunk in chunks), "nobody asked for usage"
    assert chunks[-1].choices[0].finish_reason == "stop"
    counted = list(
        client.chat.completions.create(
            model="gpt-5", stream=True, stream_options={"include_usage": True}, messages=[{"role": "user", "content": "tell me"}]
        )
    )
    assert counted[-1].usage.total_tokens > 0
    tools = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
    called = client.chat.completions.create(model="gpt-5", tools=tools, tool_choice="required", messages=[{"role": "user", "content": "x"}])
    assert "city" in json.loads(called.choices[0].message.tool_calls[0].function.arguments)
    form = {"type": "json_schema", "json_schema": {"name": "c", "schema": SCHEMA, "strict": True}}
    shaped = client.chat.completions.create(model="gpt-5", response_format=form, messages=[{"role": "user", "content": "x"}])
    assert set(json.loads(shaped.choices[0].message.content)) == {"city"}
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="gpt-5", messages=[])


def test_gemini_chat_stream_code_grounding_and_errors(place: str) -> None:
    client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=place))
    assert client.models.generate_content(model="gemini-3.8-flash", contents="echo: hello").text == "hello"
    config = types.GenerateContentConfig(tools=[types.Tool(code_execution=types.ToolCodeExecution())])
    parts = [
        part
        for chunk in client.models.generate_content_stream(model="gemini-3.8-flash", contents="run", config=config)
        for part in chunk.candidates[0].content.parts or []
    ]
    assert any(part.executable_code for part in parts)
    assert any(part.code_execution_result and part.code_execution_result.output == "42\n" for part in parts)
    search = types.GenerateContentConfig(tools=[types.Tool(google_search=types.GoogleSearch())])
    assert (
        client.models.generate_content(model="gemini-3.8-flash", contents="news", config=search).candidates[0].grounding_metadata
        is not None
    )
    function = types.FunctionDeclaration(name="weather", parameters_json_schema=SCHEMA)
    called = client.models.generate_content(
        model="gemini-3.8-flash",
        contents="call the tool",
        config=types.GenerateContentConfig(tools=[types.Tool(function_declarations=[function])]),
    )
    assert "city" in called.function_calls[0].args
    with pytest.raises(genai.errors.ClientError):
        client.models.generate_content(model="gemini-3.8-flash", contents="x", config=types.GenerateContentConfig(max_output_tokens=-3))


def test_embeddings(place: str) -> None:
    embeddings = openai.OpenAI(base_url=f"{place}/v1", api_key=KEY, max_retries=0).embeddings
    vectors = embeddings.create(model="gpt-5", input=["a", "b"], encoding_format="float").data
    assert len(vectors) == 2
    packed = embeddings.create(model="gpt-5", input=["a", "b"]).data  # the SDK asks for base64 on its own
    assert [one.embedding for one in packed] == [pytest.approx(one.embedding, abs=1e-6) for one in vectors]
    assert vectors[0].embedding != vectors[1].embedding
    client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=place))
    assert len(client.models.embed_content(model="gemini-3.8-flash", contents="a").embeddings[0].values) == len(vectors[0].embedding)


def test_ollama_speaks_to_the_emulator(emulator: str) -> None:
    client = ollama.Client(host=emulator)
    assert client.chat(model="llama3.2", messages=[{"role": "user", "content": "echo: hello"}]).message.content == "hello"
    pieces = list(client.chat(model="llama3.2", stream=True, messages=[{"role": "user", "content": "echo: one two three"}]))
    assert "".join(piece.message.content for piece in pieces) == "one two three"
    assert pieces[-1].eval_count == 3
    called = client.chat(
        model="llama3.2",
        messages=[{"role": "user", "content": "call the tool"}],
        tools=[{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}],
    )
    assert "city" in called.message.tool_calls[0].function.arguments


@pytest.mark.parametrize("wire", ["anthropic", "openai", "gemini"])
@pytest.mark.parametrize("model", ["claude-sonnet-5", "gpt-5", "gemini-3.8-flash", "llama3.2"])
def test_every_wire_in_reaches_every_provider(wire: str, model: str, gateway: str) -> None:
    text = "echo: through the door"
    if wire == "anthropic":
        client = anthropic.Anthropic(base_url=gateway, api_key=KEY, max_retries=0)
        with client.messages.stream(model=model, max_tokens=50, messages=[{"role": "user", "content": text}]) as stream:
            said = stream.get_final_message().content[0].text
    elif wire == "openai":
        chunks = openai.OpenAI(base_url=f"{gateway}/v1", api_key=KEY, max_retries=0).chat.completions.create(
            model=model, stream=True, messages=[{"role": "user", "content": text}]
        )
        said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    else:
        google = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=gateway))  # closes its connections when it is forgotten
        chunks = google.models.generate_content_stream(model=model, contents=text)
        said = "".join(chunk.text or "" for chunk in chunks)
    assert said == "through the door"


def sent_by_anthropic(**fields: Any) -> Any:
    seen: list[Any] = []

    def handler(request: Any) -> Any:
        seen.append((json.loads(request.content), dict(request.headers)))
        return httpx2.Response(400, json={"error": {"type": "invalid_request_error", "message": "x"}})

    client = anthropic.Anthropic(api_key="k", max_retries=0, http_client=httpx2.Client(transport=httpx2.MockTransport(handler)))
    with pytest.raises(anthropic.BadRequestError):
        client.messages.create(**fields)
    return seen[0]


def sent_by_openai(**fields: Any) -> Any:
    seen: list[Any] = []

    def handler(request: Any) -> Any:
        seen.append((json.loads(request.content), dict(request.headers)))
        return httpx2.Response(400, json={"error": {"message": "x"}})

    client = openai.OpenAI(api_key="k", max_retries=0, http_client=httpx2.Client(transport=httpx2.MockTransport(handler)))
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(**fields)
    return seen[0]


def sent_by_gemini(**fields: Any) -> Any:
    seen: list[Any] = []

    def handler(request: Any) -> Any:
        seen.append((json.loads(request.content), dict(request.headers)))
        return httpx2.Response(400, json={"error": {"code": 400, "message": "x", "status": "INVALID_ARGUMENT"}})

    options = types.HttpOptions(httpx_client=httpx2.Client(transport=httpx2.MockTransport(handler)))
    with pytest.raises(genai.errors.ClientError):
        genai.Client(api_key="k", http_options=options).models.generate_content(**fields)
    return seen[0]


def sent_by_ollama(**fields: Any) -> Any:
    seen: list[Any] = []

    def handler(request: Any) -> Any:
        seen.append((json.loads(request.content), dict(request.headers)))
        return httpx.Response(400, json={"error": "x"})

    with pytest.raises(ollama.ResponseError):
        ollama.Client(transport=httpx.MockTransport(handler)).chat(**fields)
    return seen[0]


@pytest.mark.parametrize(
    ("name", "send", "fields"),
    [
        (
            "anthropic",
            sent_by_anthropic,
            {
                "model": "m",
                "max_tokens": 99,
                "system": "be brief",
                "stop_sequences": ["END"],
                "tools": [{"name": "f", "description": "d", "input_schema": SCHEMA}],
                "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
                "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": SCHEMA}},
                "thinking": {"type": "adaptive"},
                "metadata": {"user_id": "u"},
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}]},
                    {"role": "assistant", "content": [{"type": "thinking", "thinking": "t", "signature": "s"}, {"type": "tool_use", "id": "i", "name": "f", "input": {"city": "x"}}]},
                    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "i", "content": "rain", "is_error": True}]},
                ],
            },
        ),
        (
            "openai",
            sent_by_openai,
            {
                "model": "m",
                "max_tokens": 99,
                "temperature": 0.5,
                "seed": 3,
                "stop": ["END"],
                "stream": True,
                "stream_options": {"include_usage": True},
                "reasoning_effort": "low",
                "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True}}],
                "tool_choice": {"type": "function", "function": {"name": "f"}},
                "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}},
                "messages": [
                    {"role": "system", "content": "be brief"},
                    {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"}}]},
                    {"role": "assistant", "content": None, "tool_calls": [{"id": "i", "type": "function", "function": {"name": "f", "arguments": '{"city":"x"}'}}]},
                    {"role": "tool", "tool_call_id": "i", "content": "rain"},
                ],
            },
        ),
        ("ollama", sent_by_ollama, {"model": "m", "messages": [{"role": "user", "content": "a", "images": [PNG]}], "think": True, "format": SCHEMA, "options": {"temperature": 0.5, "num_predict": 9}, "stream": False}),
    ],
)  # fmt: skip
def test_what_we_send_is_what_the_sdk_sends(name: str, send: Callable[..., Any], fields: dict[str, Any]) -> None:
    body, headers = send(**fields)
    dialect = DIALECTS[name]
    ours, lost = dialect.encode_request(dialect.decode_request(body, model="m"))
    ours.setdefault("tools", [])
    body.setdefault("tools", [])
    assert ours == body
    assert lost == ()
    if name == "anthropic":
        from foundation.dialects.anthropic import API_VERSION

        assert headers["anthropic-version"] == API_VERSION
    if name != "ollama":
        assert headers["authorization"] == "Bearer k"


def test_what_we_send_to_gemini_is_what_its_sdk_sends() -> None:
    config = types.GenerateContentConfig(
        system_instruction="be brief", max_output_tokens=9, temperature=0.5, response_mime_type="application/json", response_json_schema=SCHEMA,
        tools=[types.Tool(function_declarations=[types.FunctionDeclaration(name="f", description="d", parameters_json_schema=SCHEMA)])],
    )  # fmt: skip
    body, headers = sent_by_gemini(
        model="m",
        contents=[types.Content(role="user", parts=[types.Part(text="a"), types.Part.from_bytes(data=b"\xff\xfe", mime_type="image/png")])],
        config=config,
    )
    dialect = DIALECTS["gemini"]
    ours, lost = dialect.encode_request(dialect.decode_request(body, model="m"))
    expected = camel(body)  # protobuf's JSON allows both spellings of a name, and both alphabets of base64
    expected["systemInstruction"].pop("role", None)
    expected["contents"][0]["parts"][1]["inlineData"]["data"] = "//4="
    assert ours == expected
    assert lost == ()
    assert headers["x-goog-api-key"] == "k"
