"""HTTP/1.1 responses: however the bytes are cut, the same body comes out."""

from __future__ import annotations

import gzip
import zlib
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from foundation.wire import ProtocolError, Response, Unpacking

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
CUTS = st.lists(st.integers(min_value=0, max_value=5000), max_size=12)


def cut(data: bytes, at: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(position % (len(data) + 1) for position in at)})
    return [data[a:b] for a, b in pairwise(edges)]


def chunked(body: bytes, sizes: list[int]) -> bytes:
    return b"".join(b"%X;x=1\r\n%s\r\n" % (len(part), part) for part in cut(body, sizes)) + b"0\r\nX-Trailer: 1\r\n\r\n"


def bare_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


CODINGS = {
    "": bytes,
    "Content-Encoding: identity": bytes,
    "Content-Encoding: gzip": gzip.compress,
    "Content-Encoding: X-GZIP": lambda body: gzip.compress(body[:9]) + gzip.compress(body[9:]),
    "Content-Encoding: deflate": zlib.compress,
    "content-encoding:deflate": bare_deflate,
}


FRAMINGS = {
    "length": lambda body, _sizes: b"content-length: %d\r\n\r\n" % len(body) + body,
    "end of connection": lambda body, _sizes: b"X: y\r\n\r\n" + body,
    "chunks": lambda body, sizes: b"Transfer-Encoding: chunked\r\n\r\n" + chunked(body, sizes),
}


@pytest.mark.parametrize("framing", FRAMINGS)
@settings(max_examples=30)
@given(coding=st.sampled_from(list(CODINGS)), body=st.binary(max_size=300), sizes=CUTS, cuts=CUTS)
@example(coding="Content-Encoding: gzip", body=b"data: x\n\n" * 30, sizes=[*range(5000)], cuts=[*range(5000)])  # every byte alone
@example(coding="content-encoding:deflate", body=b"data: x\n\n" * 30, sizes=[], cuts=[*range(5000)])
def test_any_cut_gives_the_same_body(framing: str, coding: str, body: bytes, sizes: list[int], cuts: list[int]) -> None:
    head = b"HTTP/1.1 100 Continue\r\n\r\n" + OK + (f"{coding}\r\n".encode() if coding else b"")
    response = Response()
    pieces = cut(head + FRAMINGS[framing](CODINGS[coding](body), sizes), cuts)
    assert b"".join(response.feed(piece) for piece in pieces) == body
    assert response.complete or framing == "end of connection"
    assert response.end()
    assert not response.cut_short
    assert response.feed(b"what follows is not ours") == b""


def test_a_coding_of_the_transfer_is_undone_too() -> None:
    response = Response()
    raw = OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + chunked(gzip.compress(b"abc"), [3, 9])
    assert (response.feed(raw), response.complete, response.packed) == (b"abc", True, True)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "no HTTP response, but b'SSH-2.0"),
        (b"HTTP/2 200\r\n\r\n", "no HTTP/1.1 response"),
        (b"HTTP/1.1 2x0 OK\r\n\r\n", "no HTTP/1.1 response"),
        (OK + b"Content-Length: -1\r\n\r\n", "Content-Length b'-1' is not a number"),
        (OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", "Content-Length b'5, 6' is not a number"),
        (CHUNKED + b"0x1\r\n", "chunk size b'0x1' is not a number"),
        (CHUNKED + b"f" * 30 + b"\r\n", "is not a number"),
        (CHUNKED + b"1\r\nab\r\n", "a chunk is longer than announced"),
        (CHUNKED + b"1" * 5000, "line of a chunk is longer than"),
        (OK + b"X: " + b"y" * 70_000, "head of the response is longer than"),
        (OK + b"Content-Encoding: br\r\n\r\n", "Content-Encoding 'br', which was not asked for"),
        (OK + b"Content-Encoding: gzip, br\r\n\r\n", "packed more than once"),
        (OK + b"Content-Encoding: gzip\r\n\r\nplain text", "packed, and damaged"),
        (OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(20_000_000)), "unpacks to more than"),
    ],
)
def test_what_is_no_response_is_said_to_be_none(raw: bytes, message: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        Response().feed(raw)
    assert message in str(caught.value)


def test_what_was_good_before_a_fault_is_kept() -> None:
    with pytest.raises(ProtocolError, match="chunk size") as caught:
        Response().feed(CHUNKED + b"3\r\nabc\r\nnonsense\r\n")
    assert caught.value.body == b"abc"


def test_the_chunk_of_size_zero_ends_the_body() -> None:
    """RFC 9112, section 8: a chunked message is incomplete if the zero-sized chunk was not received."""
    response = Response()
    assert response.feed(CHUNKED + b"1\r\na\r\n0\r") == b"a"
    assert not response.complete
    assert not response.end()
    response.feed(b"\n")
    assert response.complete


@pytest.mark.parametrize("length", [b"5", b"5, 5", b"5\r\nContent-Length: 5"])
def test_a_length_may_be_said_twice(length: bytes) -> None:
    response = Response()
    assert response.feed(OK + b"Content-Length: " + length + b"\r\n\r\n12345") == b"12345"
    assert response.complete


def test_lines_of_the_head_may_end_in_a_bare_line_feed() -> None:
    """RFC 9112, section 2.2."""
    response = Response()
    assert response.feed(b"HTTP/1.0 503 Too Busy\nA: b\nA: c\nContent-Length: 2\n\nno") == b"no"
    assert (response.status, response.reason, response.header(b"a"), response.header(b"b")) == (503, "Too Busy", "b, c", "")


def test_a_body_that_ends_within_its_packing_is_cut_short() -> None:
    response = Response()
    packed = gzip.compress(b"data: x\n\n" * 99)[:-4]
    response.feed(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed)
    assert (response.complete, response.cut_short, response.packed) == (True, True, True)


def test_only_codings_that_are_known_are_unpacked() -> None:
    with pytest.raises(ProtocolError, match="Content-Encoding 'zstd'"):
        Unpacking(b"zstd")
