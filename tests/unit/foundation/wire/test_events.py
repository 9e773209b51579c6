"""Server-sent events as WHATWG HTML defines them (sections 9.2.5 and 9.2.6), and what the standard ignores."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.wire import Event, EventStream, Lines, ProtocolError

CUTS = st.lists(st.integers(min_value=0, max_value=5000), max_size=12)


def cut(data: bytes, at: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(position % (len(data) + 1) for position in at)})
    return [data[a:b] for a, b in pairwise(edges)]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        # The examples of the standard.
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [Event(b"YHOO\n+2\n10")]),
        (
            b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            [Event(None, ignored=(b": test stream",)), Event(b"first event"), Event(b"second event"), Event(b" third event")],
        ),
        (b"data\n\ndata\ndata\n\ndata:", [Event(b""), Event(b"\n")]),
        (b"data:test\n\ndata: test\n\n", [Event(b"test"), Event(b"test")]),
        (b"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n", [Event(b"73857293", b"add"), Event(b"2153", b"remove")]),
        # Line ends, alone and mixed.
        (b"data: a\r\n\r\ndata: b\r\rdata: c\n\r\ndata: d\r\n\n", [Event(b"a"), Event(b"b"), Event(b"c"), Event(b"d")]),
        (b"\n\n\r\n\rdata: a\n\n\n\ndata: b\n\n", [Event(b"a"), Event(b"b")]),
        # One byte order mark at the start, and no second one.
        (b"\xef\xbb\xbfdata: a\n\n", [Event(b"a")]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", [Event(None, ignored=(b"\xef\xbb\xbfdata: a",))]),
        # What the standard ignores is kept.
        (b"event: error\n: why\n\n", [Event(None, b"error", (b": why",))]),
        (b'error: {"code": 500}\n\n', [Event(None, ignored=(b'error: {"code": 500}',))]),
        (b" data: not a field\nData: nor this\n\n", [Event(None, ignored=(b" data: not a field", b"Data: nor this"))]),
        (b"id: 7\nretry: 10\n\n", []),
        (b"data: cut off", []),
    ],
)
def test_the_grammar(stream: bytes, expected: list[Event]) -> None:
    whole, bytewise = EventStream(), EventStream()
    assert whole.feed(stream) == expected
    assert [event for at in range(len(stream)) for event in bytewise.feed(stream[at : at + 1])] == expected


TEXTS = st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=["Cs"]), max_size=12)


@given(
    documents=st.lists(st.lists(TEXTS, min_size=1, max_size=3), max_size=6),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    bom=st.booleans(),
    cuts=CUTS,
)
def test_what_is_written_is_read(documents: list[list[str]], end: str, bom: bool, cuts: list[int]) -> None:
    lines = [line for document in documents for line in (*(f"data: {text}" for text in document), "")]
    raw = "".join(line + end for line in lines).encode("utf-8-sig" if bom else "utf-8")
    decoder = EventStream()
    found = [event.data for piece in cut(raw, cuts) for event in decoder.feed(piece)]
    assert found == ["\n".join(document).encode() for document in documents]


@given(data=st.binary(max_size=80), cuts=CUTS)
def test_any_cut_of_any_bytes_gives_the_same_events(data: bytes, cuts: list[int]) -> None:
    decoder, whole = EventStream(), EventStream()
    assert [event for piece in cut(data, cuts) for event in decoder.feed(piece)] == whole.feed(data)
    assert decoder.end() == whole.end()


def test_identifiers_and_retry_times() -> None:
    decoder = EventStream()
    decoder.feed(b"id: 5\nretry: 2500\ndata: a\n\nid: bad\0\nretry: soon\n\n")
    assert (decoder.last_id, decoder.retry_ms) == (b"5", 2500)
    decoder.feed(b"id\n\n")
    assert decoder.last_id == b""


def test_an_event_that_the_end_cuts_off_is_handed_over_at_the_end() -> None:
    decoder = EventStream()
    assert decoder.feed(b"data: [DONE]") == []
    assert decoder.end() == Event(b"[DONE]")
    assert decoder.end() is None


def test_what_is_kept_has_a_limit() -> None:
    for decoder in (EventStream(), Lines()):
        with pytest.raises(ProtocolError, match="longer than 33554432 bytes"):
            decoder.feed(b"d" * 34_000_000)
        assert decoder.feed(b"") == []


@given(documents=st.lists(st.text(st.characters(whitelist_categories=["L", "N"]), min_size=1), max_size=6), last=st.booleans(), cuts=CUTS)
def test_lines_of_json(documents: list[str], last: bool, cuts: list[int]) -> None:
    raw = "\r\n\n".join(documents).encode() + (b"\n" if last else b"")
    decoder = Lines()
    found = [line for piece in cut(raw, cuts) for line in decoder.feed(piece)] + decoder.end()
    assert found == [document.encode() for document in documents]
