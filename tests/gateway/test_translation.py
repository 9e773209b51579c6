"""What a request asks for, from every wire in to every wire out, whole and streamed: it is there in the answer, or its loss is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from foundation.dialects import DIALECTS, json_bytes
from foundation.dialects.model.answer import Answer, StopReason
from foundation.dialects.model.content import Media, Text, Thinking, ToolCall, ToolResult
from foundation.dialects.model.request import ChatRequest, Message, OutputFormat, Reasoning, Tool, ToolChoice
from foundation.dialects.paths import chat_path
from foundation.dialects.signatures import addressed
from tests.gateway.client import post
from tests.gateway.conftest import MODELS, GatewayProcess, everything

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [Tool("weather", "of a city", SCHEMA), Tool("time", "in a city", SCHEMA)]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


def said(answer: Answer) -> str:
    return "".join(part.text for part in answer.parts if isinstance(part, Text))


def calls(answer: Answer) -> list[ToolCall]:
    assert answer.stop is StopReason.TOOL_CALLS
    found = [part for part in answer.parts if isinstance(part, ToolCall)]
    assert all(set(json.loads(call.arguments)) == {"city"} for call in found)
    assert len({call.id for call in found}) == len(found)
    return found


def user(*parts: Any, **fields: Any) -> ChatRequest:
    message = Message("user", [Text(part) if isinstance(part, str) else part for part in parts])
    return ChatRequest("", [message], **{"max_output_tokens": 3000, **fields})


def with_results() -> ChatRequest:
    asked = [ToolCall("toolu_1", "weather", '{"city":"Ulm"}'), ToolCall("toolu_2", "weather", '{"city":"Bonn"}')]
    told = [
        ToolResult("toolu_1", [Text("rain")], name="weather"),
        ToolResult("toolu_2", [Text("no such city")], is_error=True, name="weather"),
    ]
    messages = [Message("user", [Text("call the tool")]), Message("assistant", [*asked]), Message("user", [*told])]
    return ChatRequest("", messages, tools=TOOLS, max_output_tokens=100)


@dataclass(frozen=True)
class Case:
    """A request, and what its answer must be like; ``lost`` is what some wires cannot say."""

    request: Callable[[], ChatRequest]
    holds: Callable[[Answer], bool]
    lost: str = ""
    by: tuple[str, ...] = ()
    not_from: tuple[str, ...] = ()


CASES = {
    "parallel calls": Case(lambda: user("call tools in parallel", tools=TOOLS), lambda answer: len(calls(answer)) == 2),
    "a named tool": Case(
        lambda: user("x", tools=TOOLS, tool_choice=ToolChoice("named", "time")),
        lambda answer: [call.name for call in calls(answer)] == ["time"],
        "tool_choice", ("ollama",), ("ollama",),
    ),
    "one call at a time": Case(
        lambda: user("call tools in parallel", tools=TOOLS, parallel_tool_calls=False),
        lambda answer: len(calls(answer)) == 1,
        "parallel_tool_calls", ("gemini", "ollama"), ("gemini", "ollama"),
    ),
    "results and errors": Case(with_results, lambda answer: answer.stop is StopReason.END and bool(said(answer))),
    "a limit": Case(lambda: user("tell me more", max_output_tokens=3), lambda answer: answer.stop is StopReason.MAX_TOKENS),
    "a stop sequence": Case(
        lambda: user("echo: one two END three", stop=["END"]),
        lambda answer: said(answer).strip() == "one two" and answer.stop in (StopReason.STOP_SEQUENCE, StopReason.END),
    ),
    "structured output": Case(
        lambda: user("x", output_format=OutputFormat(SCHEMA)), lambda answer: set(json.loads(said(answer))) == {"city"}
    ),
    "reasoning": Case(
        lambda: user("why", reasoning=Reasoning(effort="high", budget_tokens=1024)),
        lambda answer: any(isinstance(part, Thinking) for part in answer.parts),
    ),
    "a picture": Case(lambda: user(Media("image", "image/png", PNG), "echo: seen"), lambda answer: said(answer) == "seen"),
    "text that looks like frames": Case(
        lambda: user("echo: a\n\ndata: [DONE]\r\n\u2028\x85 \U0001d11e"),
        lambda answer: said(answer) == "a\n\ndata: [DONE]\r\n\u2028\x85 \U0001d11e",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def live(emulator: str, gateway_of: Callable[[dict[str, Any]], GatewayProcess]) -> GatewayProcess:
    return gateway_of(everything(emulator))


@pytest.mark.parametrize("wire", DIALECTS)
@pytest.mark.parametrize("name", CASES)
def test_what_is_asked_for_comes_back(name: str, wire: str, live: GatewayProcess) -> None:
    case = CASES[name]
    if wire in case.not_from:
        pytest.skip("this wire cannot ask for it")
    for provider, model in MODELS.items():
        for stream in (False, True):
            request = case.request()
            request.model, request.stream = model, stream
            body = json.dumps(DIALECTS[wire].encode_request(request).document).encode()
            reply = post(live.url + chat_path(wire, model, stream=stream), wire, body, stream=stream)
            assert reply.status == 200, reply.body
            assert reply.error is None
            if provider in case.by:
                assert case.lost in reply.headers["x-gateway-lost"].split(",")
                continue
            answer = reply.result.answer if reply.result else DIALECTS[wire].decode_answer(json_bytes.decode(reply.body))
            assert case.holds(answer), (provider, stream, answer)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("wire", "provider"), [("gemini", "anthropic"), ("anthropic", "gemini")])
def test_a_thought_tells_who_signed_it(wire: str, provider: str, live: GatewayProcess, *, stream: bool) -> None:
    model = MODELS[provider]
    request = user("why", reasoning=Reasoning(effort="high", budget_tokens=1024))
    request.model, request.stream = model, stream
    body = json.dumps(DIALECTS[wire].encode_request(request).document).encode()
    reply = post(live.url + chat_path(wire, model, stream=stream), wire, body, stream=stream)
    assert reply.status == 200, reply.body
    answer = reply.result.answer if reply.result else DIALECTS[wire].decode_answer(json_bytes.decode(reply.body))
    turn = [Message("assistant", answer.parts)]

    def signed_for(target: str) -> list[str]:
        (message,) = addressed(turn, wire, target)
        return [part.signature for part in message.parts if isinstance(part, Thinking) and part.signature]

    assert signed_for(provider)
    assert not signed_for(wire)
