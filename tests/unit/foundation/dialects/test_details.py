"""Shapes that providers really send, by their documentation; each has cost somebody money or a night."""

from __future__ import annotations

from typing import Any

import pytest

from foundation.dialects import DIALECTS, json_bytes
from foundation.dialects.failures.retry_after import retry_after_s, wait_headers
from foundation.dialects.model.answer import StopReason
from foundation.dialects.model.assembly import assemble
from foundation.dialects.model.content import Text, ToolCall
from foundation.dialects.model.errors import ErrorKind
from foundation.dialects.model.usage import Usage
from foundation.dialects.openai.answer import decode_usage


def sse(*documents: Any) -> bytes:
    return b"".join(b"event: " + one["type"].encode() + b"\ndata: " + json_bytes.encode(one) + b"\n\n" for one in documents)


def data_only(*documents: Any) -> bytes:
    return b"".join(b"data: " + (one if isinstance(one, bytes) else json_bytes.encode(one)) + b"\n\n" for one in documents)


def read(name: str, stream: bytes) -> Any:
    decoder = DIALECTS[name].stream_decoder()
    return assemble([*decoder.feed(stream).events, *decoder.end()])


def test_anthropic_usage_with_server_tools_counts_by_its_last_word() -> None:
    stream = sse(
        {
            "type": "message_start",
            "message": {"id": "i", "model": "m", "usage": {"input_tokens": 100, "cache_read_input_tokens": 7, "output_tokens": 1}},
        },
        {"type": "ping"},
        {"type": "something_new"},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {
                "input_tokens": 900,
                "output_tokens": 50,
                "server_tool_use": {"web_search_requests": 2},
                "cache_creation_input_tokens": 30,
                "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
            },
        },
        {"type": "message_stop"},
    )
    assert read("anthropic", stream).answer.usage == Usage(900, 50, 7, 10, 20, 0, 2)


def test_anthropic_tool_input_is_rebuilt_and_may_be_cut_by_the_token_limit() -> None:
    stream = sse(
        {"type": "message_start", "message": {"id": "i", "model": "m", "usage": {"input_tokens": 1, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": '{"a": "long'}},
        {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    )
    result = read("anthropic", stream)
    assert result.answer.parts == [ToolCall("t", "f", '{"a": "long')]
    assert result.answer.stop is StopReason.MAX_TOKENS
    assert DIALECTS["anthropic"].encode_answer(result.answer)["content"][0]["input"] == {}


def test_gemini_counts_thoughts_as_output_and_cached_tokens_inside_the_prompt() -> None:
    chunk = {
        "responseId": "r",
        "modelVersion": "m",
        "candidates": [{"content": {"parts": [{"text": "hi"}]}}],
        "usageMetadata": {"promptTokenCount": 10},
    }
    last = {
        **chunk,
        "candidates": [{"content": {"parts": [{"text": ""}]}, "finishReason": "STOP"}],
        "usageMetadata": {
            "promptTokenCount": 10,
            "cachedContentTokenCount": 4,
            "candidatesTokenCount": 5,
            "thoughtsTokenCount": 20,
            "toolUsePromptTokenCount": 3,
        },
    }
    result = read("gemini", data_only(chunk, last))
    assert result.ended
    assert result.answer.usage == Usage(9, 25, cache_read_tokens=4, reasoning_tokens=20)


def test_a_prompt_that_gemini_blocks_is_an_answer_without_content() -> None:
    document = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 0}}
    assert DIALECTS["gemini"].decode_answer(document).stop is StopReason.CONTENT_FILTER
    assert read("gemini", data_only(document)).answer.stop is StopReason.CONTENT_FILTER


def test_a_batch_is_told_by_its_service_tier() -> None:
    usage = {"input_tokens": 5, "output_tokens": 3, "service_tier": "batch"}
    document = {"id": "i", "model": "m", "content": [], "stop_reason": "end_turn", "usage": usage}
    answer = DIALECTS["anthropic"].decode_answer(document)
    assert answer.usage.batch
    assert DIALECTS["anthropic"].encode_answer(answer)["usage"]["service_tier"] == "batch"
    assert not DIALECTS["anthropic"].decode_answer({**document, "usage": {**usage, "service_tier": "standard"}}).usage.batch


@pytest.mark.parametrize(
    ("total", "output"),
    [
        (130, 30),  # OpenAI: the reasoning is within the completion
        (150, 50),  # xAI: it stands beside it, and is billed as well
    ],
)
def test_reasoning_is_part_of_the_output_wherever_a_server_counts_it(total: int, output: int) -> None:
    reasoning = {"reasoning_tokens": 20}
    document = {"prompt_tokens": 100.0, "completion_tokens": 30, "completion_tokens_details": reasoning, "total_tokens": total}
    assert decode_usage(document) == Usage(100, output, reasoning_tokens=20)


def test_missing_usage_is_unknown_and_not_zero() -> None:
    answer = DIALECTS["ollama"].decode_answer({"model": "m", "message": {"content": "x"}, "done": True, "eval_count": 4})
    assert answer.usage.input_tokens is None
    assert not answer.usage.complete


def test_openai_streams_end_with_a_finish_reason_or_were_cut() -> None:
    head = {"id": "i", "model": "m", "choices": [{"index": 0, "delta": {"content": "hi"}}]}
    finish = {"id": "i", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    assert read("openai", data_only(head, finish)).ended  # [DONE] is missing, and the answer is whole
    assert read("openai", data_only(head)).error.kind is ErrorKind.TRUNCATED
    assert read("openai", data_only(head, b"{broken")).error.kind is ErrorKind.MALFORMED


def test_openai_refusals_and_parallel_calls_whose_arguments_interleave() -> None:
    def call(index: int, **inner: Any) -> dict[str, Any]:
        return {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": index, **inner}]}}]}

    stream = data_only(
        call(0, id="a", function={"name": "f", "arguments": '{"x"'}),
        call(1, id="b", function={"name": "g", "arguments": "{"}),
        call(0, function={"arguments": ":1}"}),
        call(1, function={"arguments": "}"}),
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
        b"[DONE]",
    )
    assert read("openai", stream).answer.parts == [ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", "{}")]
    refused = data_only(
        {"choices": [{"index": 0, "delta": {"refusal": "no"}}]}, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    )
    result = read("openai", refused).answer
    assert (result.parts, result.stop) == ([Text("no")], StopReason.REFUSAL)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "107"}, 107.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:40 GMT", "date": "Sun, 06 Nov 1994 08:49:37 GMT"}, 3.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}, 50.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:01 GMT"}, 0.0),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"}, 360.0),
        ({"x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-tokens": "6m0s"}, None),
        ({"anthropic-ratelimit-requests-remaining": "0", "anthropic-ratelimit-requests-reset": "1970-01-01T00:00:30Z"}, 20.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_retry_after_in_all_its_forms(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after_s(headers, now_s=10.0) == expected


@pytest.mark.parametrize(
    ("name", "status", "body", "kind"),
    [
        (
            "anthropic",
            429,
            {"error": {"type": "rate_limit_error", "message": "m", "details": {"error_code": "enforced_spend_limit_reached"}}},
            ErrorKind.QUOTA,
        ),
        ("anthropic", 529, {"error": {"type": "overloaded_error", "message": "m"}}, ErrorKind.OVERLOADED),
        (
            "anthropic",
            400,
            {"error": {"type": "invalid_request_error", "message": "prompt is too long: 3 tokens > 2 maximum"}},
            ErrorKind.CONTEXT_LENGTH,
        ),
        ("anthropic", 402, {"error": {"type": "billing_error", "message": "m"}}, ErrorKind.QUOTA),
        ("openai", 429, {"error": {"code": "insufficient_quota", "type": "insufficient_quota", "message": "m"}}, ErrorKind.QUOTA),
        ("openai", 400, {"error": {"code": 400, "type": "exceed_context_size_error", "message": "m"}}, ErrorKind.CONTEXT_LENGTH),
        ("openai", 503, {"error": {"code": 503, "type": "unavailable_error", "message": "Loading model"}}, ErrorKind.OVERLOADED),
        (
            "gemini",
            429,
            [
                {
                    "error": {
                        "code": 429,
                        "status": "RESOURCE_EXHAUSTED",
                        "message": "m",
                        "details": [
                            {
                                "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                                "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}],
                            }
                        ],
                    }
                }
            ],
            ErrorKind.QUOTA,
        ),
        (
            "gemini",
            400,
            {
                "error": {
                    "code": 400,
                    "status": "INVALID_ARGUMENT",
                    "message": "bad key",
                    "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}],
                }
            },
            ErrorKind.AUTHENTICATION,
        ),
        ("ollama", 404, {"error": "model 'x' not found"}, ErrorKind.NOT_FOUND),
    ],
)
def test_errors_by_their_provider_s_words(name: str, status: int, body: Any, kind: ErrorKind) -> None:
    assert DIALECTS[name].decode_error(status, {}, json_bytes.encode(body), now_s=0).kind is kind


def test_gemini_s_retry_info_is_read() -> None:
    body = {
        "error": {
            "code": 429,
            "status": "RESOURCE_EXHAUSTED",
            "message": "m",
            "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "58s"}],
        }
    }
    assert DIALECTS["gemini"].decode_error(429, {}, json_bytes.encode(body), now_s=0).retry_after_s == 58.0


@pytest.mark.parametrize(
    ("name", "stream"),
    [
        ("openai", b'data: {"id":"i","model":"m","error":null,"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\n'),
        ("gemini", b'data: {"error":null,"candidates":[{"content":{"parts":[{"text":"hi"}]},"finishReason":"STOP"}]}\n\n'),
        ("ollama", b'{"model":"m","error":null,"message":{"content":"hi"},"done":true}\n'),
    ],
)
def test_an_error_that_is_null_is_none(name: str, stream: bytes) -> None:
    result = read(name, stream)
    assert result.error is None
    assert result.answer.parts == [Text("hi")]


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("openai", b"data: [DONE]"),
        ("gemini", b'data: {"candidates":[{"content":{"parts":[{"text":"hi"}]},"finishReason":"STOP"}]}'),
        ("ollama", b'{"model":"m","message":{"content":"hi"},"done":true}'),
    ],
)
def test_a_last_frame_whose_end_is_missing_is_passed_on_if_it_counts(name: str, last: bytes) -> None:
    decoder = DIALECTS[name].stream_decoder()
    assert decoder.feed(last).raw == []
    decoder.end()
    assert [frame.rstrip(b"\n") for frame in decoder.last_raw] == [last]
    cut_off = DIALECTS[name].stream_decoder()
    cut_off.feed(last[:-3])
    cut_off.end()
    assert cut_off.last_raw == []


def test_text_with_citations_is_text_in_every_dialect() -> None:
    block = {"type": "text", "text": "It rains.", "citations": [{"type": "char_location", "cited_text": "rain"}]}
    anthropic = DIALECTS["anthropic"]
    document = {"id": "i", "model": "m", "content": [block], "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1}}
    answer = anthropic.decode_answer(document)
    assert anthropic.encode_answer(answer)["content"] == [block]
    assert DIALECTS["openai"].encode_answer(answer)["choices"][0]["message"]["content"] == "It rains."
    assert DIALECTS["gemini"].encode_answer(answer)["candidates"][0]["content"]["parts"] == [{"text": "It rains."}]


@pytest.mark.parametrize(
    ("seconds", "headers"),
    [
        (None, {}),
        (7.0, {"retry-after": "7"}),
        (2.5, {"retry-after": "3", "retry-after-ms": "2500"}),
        (0.0005, {"retry-after": "1", "retry-after-ms": "0.5"}),
        (1_209_600.0, {"retry-after": "1209600"}),
    ],
)
def test_a_wait_is_told_in_whole_seconds_and_exactly_beside(seconds: float | None, headers: dict[str, str]) -> None:
    assert wait_headers(seconds) == headers
    assert retry_after_s(headers, now_s=0.0) == seconds
