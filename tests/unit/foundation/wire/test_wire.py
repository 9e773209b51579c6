"""The protocol without sockets: however the bytes are cut, the same answer comes out."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from foundation.errors import TargetError
from foundation.measures.outcome import Status
from foundation.wire import Answer, ChatRequests, ChatStream, ProtocolError, Response, Target, prompt_text
from stacks.traffic import PlannedRequest

TEXT = 'data: [DONE] "content":"x" \n\r\n é \\ {}'


def event(**fields: Any) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def delta(content: str | None) -> bytes:
    return event(choices=[{"delta": {"content": content}}])


STREAM = (
    b": a comment\r\n\r\n"
    + delta(None)
    + delta("")
    + delta(TEXT)
    + delta("b").replace(b"\n", b"\r\n")
    + b'data:{"choices":[{"delta":{"content":"c"}}],"usage":null}\n\n'
    + event(choices=[], usage={"prompt_tokens": 7, "completion_tokens": 5, "extra": 1})
    + b"data: [DONE]\n\n"
)


def chunked(body: bytes, sizes: list[int], extension: bytes = b"") -> bytes:
    edges = sorted({0, len(body), *(size % (len(body) + 1) for size in sizes)})
    parts = [body[a:b] for a, b in pairwise(edges) if b > a]
    return b"".join(b"%X%s\r\n%s\r\n" % (len(part), extension, part) for part in parts) + b"0\r\nX-Trailer: 1\r\n\r\n"


def cut(data: bytes, at: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(position % (len(data) + 1) for position in at)})
    return [data[a:b] for a, b in pairwise(edges)]


CUTS = st.lists(st.integers(min_value=0, max_value=5000), max_size=12)
FRAMINGS = {
    "chunked": lambda body, sizes: b"Transfer-Encoding: chunked\r\n\r\n" + chunked(body, sizes, b";x=1"),
    "length": lambda body, _sizes: b"content-length: %d\r\n\r\n" % len(body) + body,
    "end of connection": lambda body, _sizes: b"X: y\r\n\r\n" + body,
}


@pytest.mark.parametrize("framing", FRAMINGS)
@settings(max_examples=30)
@given(sizes=CUTS, cuts=CUTS)
@example(sizes=[*range(5000)], cuts=[*range(5000)])  # every byte alone
def test_any_cut_gives_the_same_answer(framing: str, sizes: list[int], cuts: list[int]) -> None:
    raw = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n" + FRAMINGS[framing](STREAM, sizes)
    answer = Answer()
    for now, piece in enumerate(cut(raw, cuts), start=1):
        answer.feed(piece, float(now))
    if framing == "end of connection":
        assert not answer.ended
        answer.end(99.0)
    assert (answer.ended, answer.status, answer.error) == (True, Status.OK, None)
    assert (answer.stream.frames, answer.stream.deltas, answer.stream.output_tokens, answer.stream.prompt_tokens) == (7, 3, 5, 7)
    assert answer.first is not None
    assert answer.first <= answer.finished <= len(cuts) + 1


@given(body=st.binary(max_size=300), sizes=CUTS, cuts=CUTS)
def test_chunks_are_put_together_byte_for_byte(body: bytes, sizes: list[int], cuts: list[int]) -> None:
    response = Response()
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(body, sizes)
    assert b"".join(response.feed(piece) for piece in cut(raw, cuts)) == body
    assert response.complete
    assert response.feed(b"what follows is not ours") == b""


@given(data=st.binary(max_size=200), cuts=CUTS)
def test_arbitrary_bytes_end_in_an_answer_or_a_failure(data: bytes, cuts: list[int]) -> None:
    for head in (b"", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"):
        answer = Answer()
        for piece in cut(head + data, cuts):
            answer.feed(piece, 1.0)
        answer.end(2.0)
        assert answer.ended


@given(contents=st.lists(st.text(max_size=10), max_size=10), compact=st.booleans())
def test_a_delta_counts_exactly_when_its_content_is_not_empty(contents: list[str], compact: bool) -> None:
    separators = (",", ":") if compact else None
    stream = ChatStream()
    for content in contents:
        document = {"choices": [{"delta": {"content": content}}], "note": '"content":"no"'}
        stream.feed(b"data: " + json.dumps(document, separators=separators, ensure_ascii=False).encode() + b"\n\n")
    assert (stream.frames, stream.deltas) == (len(contents), sum(map(bool, contents)))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "no HTTP response, but b'SSH-2.0"),
        (b"HTTP/2 200\r\n\r\n", "no HTTP/1.1 response"),
        (b"HTTP/1.1 2x0 OK\r\n\r\n", "no HTTP/1.1 response"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "Content-Length b'-1' is not a number"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\n", "chunk size b'0x1' is not a number"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", "a chunk is longer than announced"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 5000, "line of a chunk is longer than"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000, "head of the response is longer than"),
    ],
)
def test_what_is_no_response_is_said_to_be_none(raw: bytes, message: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        Response().feed(raw)
    assert message in str(caught.value)


def test_a_chunked_response_is_whole_only_after_its_trailers() -> None:
    response = Response()
    assert response.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n") == b"a"
    assert not response.complete
    assert not response.end()
    response.feed(b"\r\n")
    assert response.complete


def answered(status: str, body: bytes) -> Answer:
    answer = Answer()
    answer.feed(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body, 1.0)
    return answer


@pytest.mark.parametrize(
    ("status", "body", "kind", "error"),
    [
        ("400 Bad", b'{"error": {"message": "exceeds the context"}}', Status.REJECTED, "HTTP 400: exceeds the context"),
        ("429 Slow", b'{"message": "later"}', Status.REJECTED, "HTTP 429: later"),
        ("500 Oops", b'{"error": "no\\n memory"}', Status.FAILED, "HTTP 500: no memory"),
        ("502 Bad", b"<html>" + b"x" * 500, Status.FAILED, "HTTP 502: <html>" + "x" * 193 + "…"),
        ("503 Busy", b"", Status.FAILED, "HTTP 503: no message"),
        ("204 None", b"", Status.FAILED, "HTTP 204: no message"),
        (
            "200 OK",
            delta("a") + b'data: {"error": {"message": "slot lost"}}\n\ndata: [DONE]\n\n',
            Status.FAILED,
            "error in the stream: slot lost",
        ),
        ("200 OK", delta("a") + b'error: {"code": 500, "message": "gone"}\n\n', Status.FAILED, "error in the stream: gone"),
        ("200 OK", delta("a"), Status.FAILED, "the stream ended without [DONE] in the middle of the answer"),
        ("200 OK", b"data: [DONE]\n\n", Status.FAILED, "the answer had no text"),
    ],
)
def test_a_whole_response_is_judged(status: str, body: bytes, kind: Status, error: str) -> None:
    answer = answered(status, body)
    assert (answer.ended, answer.status, answer.error) == (True, kind, error)


def test_an_end_too_early_says_how_far_it_came() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    for raw, where in (
        (b"", "before an answer"),
        (head, "before the first token"),
        (head + chunked(delta("a"), [])[:-20], "in the middle of"),
    ):
        answer = Answer()
        answer.feed(raw, 1.0)
        answer.end(2.0, "reset")
        assert answer.error is not None
        assert answer.error.startswith(f"the connection was reset {where}")
        assert (answer.status, answer.finished) == (Status.FAILED, 2.0)


def test_a_second_end_changes_nothing() -> None:
    answer = answered("500 Oops", b"")
    answer.fail("later", 5.0)
    answer.feed(b"more", 6.0)
    answer.end(7.0)
    assert (answer.error, answer.finished) == ("HTTP 500: no message", 1.0)


def test_without_usage_each_delta_counts_as_a_token() -> None:
    assert answered("200 OK", delta("a") * 3 + b"data: [DONE]\n\n").stream.output_tokens == 3


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "authority"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1", 8080, "/v1/chat/completions", "127.0.0.1:8080"),
        ("https://example.org/", "example.org", 443, "/v1/chat/completions", "example.org"),
        ("http://[::1]:80/v1", "::1", 80, "/v1/chat/completions", "[::1]"),
        ("https://h/llm/v1/chat/completions", "h", 443, "/llm/v1/chat/completions", "h"),
    ],
)
def test_targets(url: str, host: str, port: int, path: str, authority: str) -> None:
    target = Target.parse(url)
    assert (target.host, target.port, target.path, target.authority, target.name) == (host, port, path, authority, url)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("127.0.0.1:8080", "has no scheme http or https"),
        ("ftp://host", "has no scheme http or https"),
        ("http://", "has no host"),
        ("http://host:99999", "out of range"),
        ("http://host/a b", "characters that a request line cannot carry"),
        ("http://host/\r\nX: y", "characters that a request line cannot carry"),
        ("https://user:secret@host", "carries a user"),
        ("https://:secret@host", "carries a user"),
        ("ftp://user:secret@host", "'ftp://…@host' has no scheme"),
        ("https://user:secret@host:99999", "out of range"),
        ("user:secret@host", "'…@host' has no scheme"),
    ],
)
def test_malformed_targets_are_refused(url: str, problem: str) -> None:
    with pytest.raises(TargetError, match="allowed is http://host:port") as caught:
        Target.parse(url)
    assert problem in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_prompt_has_one_character_a_token_and_its_own_beginning() -> None:
    filler = "lorem ipsum " * 10
    texts = [prompt_text(index, tokens, filler) for index, tokens in ((0, 1), (1, 1), (35, 1), (36, 300), (37, 300), (72, 4))]
    assert [len(text) for text in texts] == [1, 1, 1, 300, 300, 4]
    assert len({text[:2] for text in texts}) == len(texts)
    assert all(text.isascii() for text in texts)
    assert len({prompt_text(index, 50, filler)[0] for index in range(360, 396)}) == 36


def test_the_request_is_whole_and_plain_openai_on_demand() -> None:
    target, planned = Target.parse("http://127.0.0.1:8080"), PlannedRequest(3, 0.0, 20, 5)
    raw = ChatRequests(model="m", api_key="k", seed=1).encode(planned, target)
    head, _, body = raw.partition(b"\r\n\r\n")
    document = json.loads(body)
    assert b"Content-Length: %d" % len(body) in head
    assert b"Authorization: Bearer k" in head
    assert (document["max_tokens"], len(document["messages"][0]["content"]), document["cache_prompt"]) == (5, 20, False)
    plain = json.loads(ChatRequests(model="m", engine_options=False).body(planned))
    assert set(plain) == {"model", "messages", "max_tokens", "stream", "stream_options"}
    assert ChatRequests(model="m", seed=2).body(planned) != ChatRequests(model="m", seed=1).body(planned)
