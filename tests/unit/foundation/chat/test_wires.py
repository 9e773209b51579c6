"""One question on every wire, and the answers read back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.chat import Answer, WireRequests, characters
from foundation.chat.refusals import LIMIT_HEADER
from foundation.dialects import DIALECTS
from foundation.dialects.model.answer import StopReason
from foundation.dialects.model.errors import ErrorKind, ProviderError
from foundation.dialects.model.events import End, Event, Failed, Start, Stop, TextDelta, UsageUpdate
from foundation.dialects.model.usage import Usage
from foundation.measures.outcome import Status
from foundation.wire import Target
from stacks.traffic.request import PlannedRequest
from workloads.telemetry import gateway as names

WIRES = ("openai", "anthropic", "gemini", "ollama")
TARGET = Target.parse("http://127.0.0.1:8080")
REQUESTS = WireRequests(model="synthetic", api_key="k", seed=1)
HEAD = b"HTTP/1.1 200 OK\r\nx-gateway-provider: anthropic\r\nconnection: close\r\n\r\n"


def planned(wire: str, route: str = "claude") -> PlannedRequest:
    return PlannedRequest(7, 0.0, 40, 5, wire, route)


def streamed(wire: str, events: list[Event]) -> bytes:
    encoder = DIALECTS[wire].stream_encoder()
    return HEAD + b"".join(encoder.encode(event) for event in events)


WORDS = [Start("a", "m"), TextDelta("one "), TextDelta("two"), Stop(StopReason.END), UsageUpdate(Usage(10, 2)), End()]


@pytest.mark.parametrize(
    ("wire", "path", "header"),
    [
        ("openai", "/v1/chat/completions", "authorization: bearer k"),
        ("anthropic", "/v1/messages", "authorization: bearer k"),
        ("ollama", "/api/chat", "authorization: bearer k"),
        ("gemini", "/v1/models/claude:streamGenerateContent?alt=sse", "x-goog-api-key: k"),
    ],
)
def test_a_question_is_posted_as_its_wire_wants(wire: str, path: str, header: str) -> None:
    head, _, body = REQUESTS.encode(planned(wire), TARGET).partition(b"\r\n\r\n")
    assert head.startswith(f"POST {path} HTTP/1.1\r\n".encode())
    assert header in head.decode().lower()
    question = DIALECTS[wire].decode_request(json.loads(body), model="claude", stream=True)
    assert (question.model, question.max_output_tokens) == ("claude", 5)
    assert question.messages == REQUESTS.question(planned(wire)).messages


@given(data=st.data(), wire=st.sampled_from(WIRES))
def test_an_answer_is_read_however_it_is_cut(data: st.DataObject, wire: str) -> None:
    raw = streamed(wire, WORDS)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(raw)), max_size=6)))
    answer = REQUESTS.answer(planned(wire))
    for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        answer.feed(raw[start:end], 1.0)
    answer.end(2.0)
    assert (answer.status, answer.stream.output_tokens, answer.stream.deltas) == (Status.OK, 2, 2)
    assert answer.header("x-gateway-provider") == "anthropic"


@pytest.mark.parametrize("wire", WIRES)
def test_a_cut_answer_and_an_error_inside_have_failed(wire: str) -> None:
    error = Failed(ProviderError(ErrorKind.TRUNCATED, "the provider's stream was cut off", 502))
    for events in (WORDS[:2], [*WORDS[:2], error]):
        answer: Answer = REQUESTS.answer(planned(wire))
        answer.feed(streamed(wire, events), 1.0)
        answer.end(2.0)
        assert answer.status is Status.FAILED


def test_only_the_engine_alone_gives_exact_lengths() -> None:
    assert REQUESTS.exact_length(planned("openai", route=""))
    assert not REQUESTS.exact_length(planned("openai"))


@pytest.mark.parametrize("wire", WIRES)
def test_a_request_carries_the_key_of_its_tenant(wire: str) -> None:
    requests = WireRequests(model="m", api_key="own", tenant_keys={"batch": "theirs"}, seed=1)
    for tenant, key in (("", b"own"), ("batch", b"theirs"), ("unknown", b"own")):
        head = requests.encode(PlannedRequest(7, 0.0, 40, 5, wire, "claude", tenant=tenant), TARGET).partition(b"\r\n\r\n")[0]
        assert key in head
        assert head.count(b"own") + head.count(b"theirs") == 1


@pytest.mark.parametrize("wire", WIRES)
def test_a_long_question_has_a_document_before_it(wire: str) -> None:
    plain = PlannedRequest(7, 0.0, 40, 5, wire, "claude")
    long, other = replace(plain, asks="long"), replace(plain, asks="long", index=8)
    assert characters(REQUESTS.question(long)) == characters(REQUESTS.question(plain)) + 65_536
    read = DIALECTS[wire].decode_request(json.loads(REQUESTS.body(long)), model="claude", stream=True)
    assert characters(read) in (40 + 65_536, 40 + 65_537)  # Ollama joins the parts of a message by a line end
    assert REQUESTS.body(long)[:200] != REQUESTS.body(other)[:200]


def test_a_request_over_its_tenant_s_quota_is_limited_and_any_other_429_is_rejected() -> None:
    body = b'{"error":{"message":"tenant batch is over its limit of 6 requests per minute"}}'
    for header, status in ((b"x-gateway-limit: requests\r\n", Status.LIMITED), (b"", Status.REJECTED)):
        answer = REQUESTS.answer(planned("openai"))
        answer.feed(b"HTTP/1.1 429 Too Many Requests\r\n" + header + b"content-length: %d\r\n\r\n" % len(body) + body, 1.0)
        assert answer.status is status
        assert "over its limit" in str(answer.error)


def test_both_sides_name_the_header_of_a_limit_alike() -> None:
    assert LIMIT_HEADER == names.HEADER_LIMIT
