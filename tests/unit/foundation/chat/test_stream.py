"""What of a stream counts as output, and what the server's usage says about it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.chat import ChatStream, Output, output_of


def frame(document: Any, **options: Any) -> bytes:
    return b"data: " + json.dumps(document, **options).encode() + b"\n\n"


def chunk(delta: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": None}], **fields}


def usage(completion: Any, **fields: Any) -> bytes:
    return frame({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": completion, **fields}})


def read(*frames: bytes) -> ChatStream:
    stream = ChatStream()
    for data in frames:
        stream.feed(data)
    return stream


def call(**function: str) -> list[dict[str, Any]]:
    return [{"index": 0, "type": "function", "function": function}]


@pytest.mark.parametrize(
    ("delta", "expected"),
    [
        ({"content": "x"}, {"text"}),
        ({"content": " "}, {"text"}),
        ({"content": '"'}, {"text"}),
        ({"refusal": "I cannot"}, {"text"}),
        ({"content": [{"type": "text", "text": "x"}]}, {"text"}),
        ({"content": ["x"]}, {"text"}),
        ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}, {"reasoning"}),
        ({"content": [{"type": "image_url", "image_url": {"url": "u"}}]}, {"media"}),
        ({"reasoning_content": "x", "content": None}, {"reasoning"}),
        ({"reasoning": "x", "content": ""}, {"reasoning"}),
        ({"reasoning_details": [{"type": "reasoning.text", "text": "x"}]}, {"reasoning"}),
        ({"reasoning_content": "x", "content": "y"}, {"text", "reasoning"}),
        ({"tool_calls": [{"index": 0, "id": "t", "type": "function", "function": {"name": "f", "arguments": ""}}]}, {"call"}),
        ({"tool_calls": call(arguments='{"content":')}, {"call"}),
        ({"function_call": {"name": "f", "arguments": ""}}, {"call"}),
        ({"audio": {"transcript": "x"}}, {"media"}),
        # Nothing that the model wrote.
        ({}, set()),
        ({"role": "assistant"}, set()),
        ({"role": "assistant", "content": ""}, set()),
        ({"content": None}, set()),
        ({"content": []}, set()),
        ({"content": [{"type": "text", "text": ""}]}, set()),
        ({"tool_calls": []}, set()),
        ({"tool_calls": call(arguments="")}, set()),
        ({"tool_calls": None, "reasoning_content": ""}, set()),
        ({"context": {"citations": [{"title": "t", "content": "a source"}]}}, set()),
        ({"annotations": [{"content": "a source"}]}, set()),
    ],
)
def test_output_is_what_a_delta_says(delta: dict[str, Any], expected: set[Output]) -> None:
    assert output_of(chunk(delta)) == expected
    assert read(frame(chunk(delta))).deltas == bool(expected)


@pytest.mark.parametrize(
    "document",
    [
        {"content": "x"},
        {"delta": {"content": "x"}},
        {"choices": [{"message": {"content": "x"}}]},
        {"choices": [{"text": "x"}]},
        {"choices": [{"index": 0, "logprobs": {"content": [{"token": "x"}]}}]},
        {"choices": [{"delta": {}}], "prompt_filter_results": [{"content": "x"}]},
        {"choices": None},
        {"choices": {"delta": {"content": "x"}}},
        {"choices": [{"delta": "x"}, "x", None]},
        [{"delta": {"content": "x"}}, 1],
        "x",
        7,
        None,
    ],
)
def test_a_name_that_looks_like_output_elsewhere_is_none(document: Any) -> None:
    stream = read(frame(chunk({"content": "a"})), frame(document))
    assert (stream.frames, stream.deltas, stream.error) == (2, 1, None)


FIELDS = ("content", "reasoning_content", "reasoning", "role", "title")


@given(
    deltas=st.lists(
        st.dictionaries(
            st.sampled_from(FIELDS), st.one_of(st.text(max_size=4), st.just('"content":"x"'), st.just("\\"), st.none()), max_size=3
        ),
        max_size=12,
    ),
    separators=st.sampled_from([(",", ":"), (", ", ": ")]),
    ascii_only=st.booleans(),
)
def test_the_template_counts_as_decoding_does(deltas: list[dict[str, str | None]], separators: Any, ascii_only: bool) -> None:
    chunks = [chunk(delta, created=1) for delta in ({"content": "a"}, *deltas, {"content": "b"}, {"content": ""}, {"content": "\\"})]
    stream = read(*(frame(document, separators=separators, ensure_ascii=ascii_only) for document in chunks))
    kinds = [output_of(document) for document in chunks]
    assert stream.frames == len(chunks)
    assert stream.deltas == sum(map(bool, kinds))
    assert stream.texts == sum("text" in kind for kind in kinds)
    assert stream.reasonings == sum("reasoning" in kind for kind in kinds)


@pytest.mark.parametrize(
    "middle",
    [
        b'"}}],"error":{"message":"lost"},"x":[{"y":{"z":"',  # closes the string: another document
        b"",
        b"\\",  # not JSON: the quote behind it is escaped
    ],
)
def test_the_template_takes_nothing_but_one_string(middle: bytes) -> None:
    before, after = b'data: {"choices":[{"delta":{"content":"', b'"}}]}\n\n'
    stream = read(before + b"a" + after, before + middle + after)
    assert stream.deltas == 1
    assert (stream.error is None) == (not middle)


def test_a_finish_reason_within_the_template_is_not_missed() -> None:
    stream = read(frame({"choices": [{"delta": {"content": "a"}, "finish_reason": "length"}]}))
    assert (stream.deltas, stream.finish_reason) == (1, "length")
    stream = read(frame(chunk({"content": "a"})), frame({"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]}))
    assert (stream.deltas, stream.finish_reason) == (2, "stop")


@pytest.mark.parametrize(
    ("frames", "tokens", "contradicts"),
    [
        ([usage(24)], 24, False),
        ([usage(24.0)], 24, False),
        ([usage(9), usage(24)], 24, False),  # vLLM's running usage
        ([frame({"choices": [], "usage": None})], 8, False),
        ([usage("24")], 8, False),
        ([usage(-1)], 8, False),
        ([usage(True)], 8, False),
        ([usage(0)], 8, True),
        ([usage(1)], 8, True),
        ([usage(7)], 7, True),  # the server's number, and said
        ([usage(8, completion_tokens_details={"reasoning_tokens": 0})], 8, False),
        # Reasoning that was not streamed has no part in the time between the tokens that were.
        ([usage(40, completion_tokens_details={"reasoning_tokens": 32})], 8, False),
        ([usage(40, completion_tokens_details={"reasoning_tokens": 50})], 8, True),
        # xAI counts it beside the completion.
        ([usage(8, completion_tokens_details={"reasoning_tokens": 32}, total_tokens=47)], 8, False),
    ],
)
def test_tokens_are_those_that_were_streamed(frames: list[bytes], tokens: int, contradicts: bool) -> None:
    stream = read(*[frame(chunk({"content": "a"}))] * 8, *frames)
    assert (stream.output_tokens, stream.usage_contradicts) == (tokens, contradicts)


@pytest.mark.parametrize(("completion", "total"), [(40, 47), (8, 47)])
def test_reasoning_that_was_streamed_counts(completion: int, total: int) -> None:
    spoken = usage(completion, completion_tokens_details={"reasoning_tokens": 32}, total_tokens=total)
    stream = read(*[frame(chunk({"reasoning_content": "a"}))] * 32, *[frame(chunk({"content": "a"}))] * 8, spoken)
    assert (stream.texts, stream.reasonings, stream.hidden_tokens, stream.output_tokens) == (8, 32, 0, 40)


def test_calls_may_come_in_more_pieces_than_tokens() -> None:
    stream = read(*[frame(chunk({"tool_calls": call(arguments="{")}))] * 9, usage(8))
    assert (stream.deltas, stream.output_tokens, stream.usage_contradicts) == (9, 8, False)


@pytest.mark.parametrize("end", [b"data: [DONE]\n\n", b"data:[DONE]\r\n\r\n", b'data: "[DONE]"\n\n', b"data: [DONE] \n\n"])
def test_nothing_after_the_end_mark_is_read(end: bytes) -> None:
    stream = read(frame(chunk({"content": "a"})) + end + frame(chunk({"content": "b"})) + b"event: error\ndata: late\n\n")
    assert (stream.done, stream.ended, stream.deltas, stream.error) == (True, True, 1, None)


def test_an_end_mark_without_its_line_end_is_one() -> None:
    stream = read(frame(chunk({"content": "a"})), b"data: [DONE]")
    assert not stream.done
    stream.end()
    assert stream.done


def test_an_event_over_several_lines_is_one() -> None:
    lines = json.dumps(chunk({"content": "a"}) | {"usage": {"prompt_tokens": 7, "completion_tokens": 24}}, indent=1).split("\n")
    stream = read(b"".join(f"data: {line}\n".encode() for line in lines) + b"\n")
    assert (stream.frames, stream.deltas, stream.output_tokens) == (1, 1, 24)


def test_chunks_that_differ_in_more_than_a_string_are_counted_as_well() -> None:
    stream = read(*(frame(chunk({"content": "a"}, obfuscation="x" * index)) for index in range(40)))
    assert (stream.frames, stream.deltas) == (40, 40)


def test_llama_cpps_times_are_kept() -> None:
    assert read(frame(chunk({}, timings={"prompt_ms": 3.5}))).timings == {"prompt_ms": 3.5}
