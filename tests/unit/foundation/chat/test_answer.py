"""Whole answers of other people's servers: how they are judged, however their bytes are cut. The clock counts the pieces."""

from __future__ import annotations

import gzip
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from foundation.chat import Answer
from foundation.measures.outcome import Status

CUTS = st.lists(st.integers(min_value=0, max_value=5000), max_size=12)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def event(**fields: Any) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def delta(**said: Any) -> bytes:
    return event(choices=[{"index": 0, "delta": said, "finish_reason": None}])


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def cut(data: bytes, at: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(position % (len(data) + 1) for position in at)})
    return [data[a:b] for a, b in pairwise(edges)]


ROLE = delta(role="assistant", content="")
TOKENS = delta(content="x") * 8
FINISH = event(choices=[{"index": 0, "delta": {}, "finish_reason": "length"}])
USAGE = event(choices=[], usage={"prompt_tokens": 10, "completion_tokens": 8})
DONE = b"data: [DONE]\n\n"
LAST = b"0\r\n\r\n"
WHOLE = ROLE + TOKENS + FINISH + USAGE + DONE


def read(*pieces: bytes, end: str | None = None) -> Answer:
    """Feed pieces at 1, 2, …; the connection ends after them for the reason ``end``, orderly where there is none."""
    answer = Answer()
    for now, piece in enumerate(pieces, start=1):
        answer.feed(piece, float(now))
    answer.end(len(pieces) + 1.0, end)
    return answer


GOOD = {
    "chunks": CHUNKED + chunk(WHOLE) + LAST,
    "length": OK + b"Content-Length: %d\r\n\r\n" % len(WHOLE) + WHOLE,
    "until the connection closes": OK + b"\r\n" + WHOLE,
    "no content type": b"HTTP/1.1 200 OK\r\n\r\n" + WHOLE,
    "another status of success": CHUNKED.replace(b"200 OK", b"201 Created") + chunk(WHOLE) + LAST,
    "byte order mark": CHUNKED + chunk(b"\xef\xbb\xbf" + WHOLE) + LAST,
    "CR LF": CHUNKED + chunk(WHOLE.replace(b"\n", b"\r\n")) + LAST,
    "CR": CHUNKED + chunk(WHOLE.replace(b"\n", b"\r")) + LAST,
    "comments and other events": CHUNKED + chunk(b": hello\n\n" + WHOLE.replace(DONE, b"event: ping\n\nid: 7\nretry: 5\n" + DONE)) + LAST,
    "an interim response": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + CHUNKED + chunk(WHOLE) + LAST,
    "gzip": OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(WHOLE),
    "the end mark and no last chunk": CHUNKED + chunk(WHOLE),
    "the end mark and no end of its chunk": (CHUNKED + chunk(WHOLE))[:-2],
    "a last chunk without its last line end": CHUNKED + chunk(WHOLE) + b"0\r\n",
    "the end mark and nonsense": CHUNKED + chunk(WHOLE) + b"nonsense\r\n",
    "more events after the end mark": CHUNKED + chunk(WHOLE + delta(content="late") + b"event: error\ndata: late\n\n") + LAST,
    "a length that is too long": OK + b"Content-Length: 99999\r\n\r\n" + WHOLE,
    "no end mark": CHUNKED + chunk(WHOLE.removesuffix(DONE)) + LAST,
    "an end mark without its line end": CHUNKED + chunk(WHOLE.removesuffix(b"\n\n")) + LAST,
    "no usage": CHUNKED + chunk(WHOLE.replace(USAGE, b"")) + LAST,
    "no finish reason": CHUNKED + chunk(WHOLE.replace(FINISH, b"")) + LAST,
    "neither usage nor end mark": CHUNKED + chunk(ROLE + TOKENS + FINISH) + LAST,
}


@pytest.mark.parametrize("kind", GOOD)
@settings(max_examples=20)
@given(cuts=CUTS)
@example(cuts=[*range(5000)])  # every byte alone
def test_good_answers(kind: str, cuts: list[int]) -> None:
    pieces = cut(GOOD[kind], cuts)
    answer = read(*pieces)
    assert (answer.ended, answer.status, answer.error) == (True, Status.OK, None)
    assert (answer.stream.deltas, answer.stream.output_tokens) == (8, 8)
    assert answer.first is not None
    assert 1 <= answer.first <= answer.finished <= len(pieces)
    assert answer.first_text == answer.first


def test_the_end_mark_ends_an_answer_whose_connection_is_held_open() -> None:
    answer = Answer()
    assert not answer.feed(CHUNKED + chunk(ROLE + TOKENS), 1.0)
    assert not answer.feed(chunk(FINISH + USAGE), 2.0)
    assert answer.feed(chunk(DONE), 3.0)
    assert (answer.status, answer.finished) == (Status.OK, 1.0)


BAD = {
    "error object": (CHUNKED + chunk(ROLE + TOKENS + event(error={"message": "lost"}) + DONE) + LAST, "error in the stream: lost"),
    "error event": (CHUNKED + chunk(ROLE + TOKENS + b"event: error\n: lost\n\n" + DONE) + LAST, "error in the stream: lost"),
    "error after the finish": (CHUNKED + chunk(TOKENS + FINISH + event(error="lost")) + LAST, "error in the stream: lost"),
    "given up": (
        CHUNKED + chunk(TOKENS + FINISH.replace(b"length", b"abort") + USAGE + DONE) + LAST,
        "error in the stream: finish reason abort",
    ),
    "gzip, and an error": (
        OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(TOKENS + event(error="lost") + DONE),
        "error in the stream: lost",
    ),
    "an error that the end cuts off": (CHUNKED + chunk(TOKENS + b'data: {"error":"lost"}') + LAST, "error in the stream: lost"),
    "cut off, framed": (
        CHUNKED + chunk(ROLE + TOKENS) + LAST,
        "the stream ended without a finish reason or [DONE] in the middle of the answer",
    ),
    "nothing": (CHUNKED + chunk(ROLE) + LAST, "the stream ended without a finish reason or [DONE] before the first token"),
    "empty": (CHUNKED + chunk(ROLE + FINISH + USAGE + DONE) + LAST, "the answer had no output"),
    "cut off after the finish": (CHUNKED + chunk(ROLE + TOKENS + FINISH + USAGE), "the connection was closed after the finish reason"),
    "JSON error": (
        b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 35\r\n\r\n{"error":{"message":"is\nloading"}}\n'.replace(
            b"is\nloading", b"is loading"
        ),
        "HTTP 200, and an error in place of the stream: is loading",
    ),
    "JSON error, called a stream, and cut off": (
        CHUNKED + chunk(b'{"error": "is loading"}'),
        "HTTP 200, and an error in place of the stream: is loading",
    ),
    "JSON error over several lines": (
        b"HTTP/1.1 200 OK\r\n\r\n" + json.dumps({"error": {"message": "is loading"}}, indent=1).encode(),
        "HTTP 200, and an error in place of the stream: is loading",
    ),
    "lines of JSON with an error": (
        b'HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n{"message":{"content":"a"}}\n{"error":"lost"}\n',
        "HTTP 200, and an error in place of the stream: lost",
    ),
    "an answer that is not streamed": (
        b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"choices":[{"message":{"content":"x"}}]}',
        'HTTP 200, but no stream of events: application/json that begins \'{"choices":[{"message":{"content":"x"}}]}\'',
    ),
    "a page": (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html>Log in</html>",
        "HTTP 200, but no stream of events: text/html that begins '<html>Log in</html>'",
    ),
    "a coding that is not known": (
        OK + b"Content-Encoding: br\r\n\r\n" + WHOLE,
        "the answer is packed with Content-Encoding 'br', which was not asked for and cannot be read",
    ),
    "gzip, cut off": (
        OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(ROLE + TOKENS + FINISH)[:-5],
        "the answer is packed, and its end is missing after the finish reason",
    ),
    "redirect": (
        b"HTTP/1.1 308 Permanent Redirect\r\nLocation: https://u:secret@h:8443/v1/chat/completions?sig=secret\r\nContent-Length: 0\r\n\r\n",
        "HTTP 308: redirected to https://h:8443/v1/chat/completions; give that address as the target",
    ),
    "redirect by path": (
        b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /v1/chat/completions/\r\n\r\n<html>moved</html>",
        "HTTP 307: redirected to /v1/chat/completions/; give that address as the target",
    ),
    "redirect to nowhere": (b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", "HTTP 302: Found"),
    "5xx in its own words": (b'HTTP/1.1 500 Oops\r\n\r\n{"error": "no\\n memory"}', "HTTP 500: no memory"),
    "5xx without words": (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "HTTP 503: Busy"),
    "5xx without any words": (b"HTTP/1.1 503\r\nContent-Length: 0\r\n\r\n", "HTTP 503: no message"),
    "5xx, packed": (b"HTTP/1.1 502 Bad\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"upstream gone"), "HTTP 502: upstream gone"),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", "the stream ended without a finish reason or [DONE] before the first token"),
}


@pytest.mark.parametrize("kind", BAD)
@settings(max_examples=10)
@given(cuts=CUTS)
@example(cuts=[*range(5000)])
def test_failures(kind: str, cuts: list[int]) -> None:
    raw, error = BAD[kind]
    answer = read(*cut(raw, cuts))
    assert (answer.ended, answer.status, answer.error) == (True, Status.FAILED, error)


@pytest.mark.parametrize("end", [None, "reset", "broken"])
@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b'HTTP/1.1 400 Bad\r\nContent-Length: 45\r\n\r\n{"error": {"message": "exceeds the context"}}', "HTTP 400: exceeds the context"),
        (b'HTTP/1.1 429 Slow\r\n\r\n{"message": "later"}', "HTTP 429: later"),
        # The server says why and hangs up while the prompt is still being sent.
        (b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 999\r\n\r\nat most 1 MiB", "HTTP 413: at most 1 MiB"),
        (b"HTTP/1.1 413 Content Too Large\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP 413: Content Too Large"),
    ],
)
def test_a_refusal_is_one_however_the_connection_ends(raw: bytes, error: str, end: str | None) -> None:
    answer = read(raw, end=end)
    assert (answer.status, answer.error) == (Status.REJECTED, error)


def test_a_refusal_whose_body_never_ends_keeps_its_reason() -> None:
    answer = Answer()
    assert not answer.feed(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 999\r\n\r\nno such key", 1.0)
    answer.fail("no end after 60 s", 61.0)
    assert (answer.status, answer.error) == (Status.REJECTED, "HTTP 401: no such key")


def test_an_end_too_early_says_how_far_it_came() -> None:
    for raw, where in (
        (b"", "before an answer"),
        (CHUNKED, "before the first token"),
        (CHUNKED + chunk(ROLE + TOKENS)[:-20], "in the middle of the answer"),
        (CHUNKED + chunk(ROLE + TOKENS + FINISH), "after the finish reason"),
    ):
        answer = read(raw, end="reset")
        assert (answer.status, answer.error, answer.finished) == (Status.FAILED, f"the connection was reset {where}", 2.0)


def test_a_second_end_changes_nothing() -> None:
    answer = read(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
    answer.fail("later", 5.0)
    answer.feed(b"more", 6.0)
    answer.end(7.0)
    assert (answer.error, answer.finished) == ("HTTP 500: Oops", 1.0)


def test_first_output_and_first_text_are_two_times() -> None:
    """40 tokens 20 ms apart, 32 of them reasoning: the first at 120 ms, text at 760 ms, and the time between tokens is 20 ms."""
    answer = Answer()
    answer.feed(CHUNKED + chunk(ROLE), 0.0)
    for index in range(40):
        answer.feed(chunk(delta(content="x") if index >= 32 else delta(reasoning_content="x")), 0.12 + index * 0.02)
    spoken = event(choices=[], usage={"completion_tokens": 40, "completion_tokens_details": {"reasoning_tokens": 32}})
    answer.feed(chunk(FINISH + spoken + DONE), 1.0)
    record = answer.record(start=0.0, intended_s=0.0, sent_s=0.0, prompt_tokens=10, replica="r")
    assert (record.ttft_ms, record.first_text_ms) == (pytest.approx(120), pytest.approx(760))
    assert (record.output_tokens, record.tpot_ms, record.remark) == (40, pytest.approx(20), None)


@pytest.mark.parametrize(
    ("output", "text"),
    [(delta(reasoning_content="x", content=None), False), (delta(tool_calls=[{"index": 0, "id": "t"}]), False), (delta(refusal="x"), True)],
)
def test_any_output_makes_an_answer(output: bytes, text: bool) -> None:
    answer = read(CHUNKED + chunk(ROLE), chunk(output * 8 + FINISH + USAGE + DONE) + LAST)
    assert (answer.status, answer.first, answer.first_text) == (Status.OK, 2.0, 2.0 if text else None)


def test_an_answer_whose_reasoning_is_hidden_is_good_and_says_so() -> None:
    hidden = event(choices=[], usage={"completion_tokens": 8, "completion_tokens_details": {"reasoning_tokens": 8}})
    answer = read(CHUNKED + chunk(ROLE + FINISH + hidden + DONE))
    assert (answer.status, answer.first, answer.stream.output_tokens) == (Status.OK, None, 0)
    assert answer.remark == "the server counted tokens of reasoning that it did not stream; they are not counted as output"


@pytest.mark.parametrize(
    ("usage", "remark"),
    [
        (USAGE, None),
        (USAGE.replace(b": 8", b": 0"), "the server's usage counts fewer output tokens than pieces of output that came"),
        (b"", "the server sent no usage; each piece of output counts as a token"),
    ],
)
def test_what_is_odd_about_the_usage_is_said(usage: bytes, remark: str | None) -> None:
    record = read(CHUNKED + chunk(TOKENS + FINISH + usage + DONE)).record(
        start=0.0, intended_s=0.0, sent_s=0.0, prompt_tokens=1, replica="r"
    )
    assert (record.output_tokens, record.remark) == (8, remark)


def test_bytes_on_the_wire_are_not_those_of_a_packed_body() -> None:
    assert read(GOOD["chunks"]).length_on_the_wire == len(delta(content="x")) - 2
    packed = read(GOOD["gzip"])
    assert packed.length_on_the_wire == 0
    assert packed.remark == "the answer came packed, unasked; times between its tokens are those of the packer's pieces"


@given(data=st.binary(max_size=200), cuts=CUTS)
def test_arbitrary_bytes_end_in_an_answer_or_a_failure(data: bytes, cuts: list[int]) -> None:
    for head in (b"", CHUNKED, OK + b"\r\n", OK + b"Content-Encoding: deflate\r\n\r\n", b"HTTP/1.1 500\r\n\r\n"):
        assert read(*cut(head + data, cuts)).ended
