"""Frames are the same however the bytes were cut, and keep their bytes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.dialects import framing
from foundation.dialects.framing import Frame, FrameTooLongError, LineFrames, SseFrames

pieces = st.sampled_from(
    [b"data: a", b"data:", b'data: {"x":1}', b"event: e", b": ping", b"\n", b"\n\n", b"\r\n", b"\r", b"id: 3", b"\xc3", b"\xa9", b"x"]
)
streams = st.lists(pieces, max_size=30).map(b"".join)


def fed(frames: Any, chunks: list[bytes]) -> tuple[list[Frame], bytes]:
    found = [frame for chunk in chunks for frame in frames.feed(chunk)]
    return found, frames.end()


@given(stream=streams, data=st.data())
@pytest.mark.parametrize("kind", [SseFrames, LineFrames])
def test_any_chunking_gives_the_same_frames(kind: Any, stream: bytes, data: Any) -> None:
    places = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    chunks = [stream[start:end] for start, end in zip([0, *places], [*places, len(stream)], strict=True)]
    whole, _ = fed(kind(), [stream])
    assert fed(kind(), chunks)[0] == whole
    assert fed(kind(), [bytes([byte]) for byte in stream])[0] == whole


@given(streams)
def test_frames_keep_every_byte(stream: bytes) -> None:
    found, rest = fed(SseFrames(), [stream])
    assert b"".join(frame.raw for frame in found) + rest == stream


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_all_line_ends_of_the_standard(end: bytes) -> None:
    stream = b"event: e" + end + b"data: 1" + end + b"data: 2" + end + end + b"data: 3" + end + end + b":"
    assert [(frame.event, frame.data) for frame in SseFrames().feed(stream)] == [("e", b"1\n2"), ("", b"3")]


def test_a_comment_alone_is_a_frame_without_data() -> None:
    assert SseFrames().feed(b": ping\n\n") == [Frame("", b"", b": ping\n\n")]


def test_llama_cpp_reports_errors_in_a_field_of_its_own() -> None:
    (frame,) = SseFrames().feed(b'error: {"message":"no"}\n\n')
    assert (frame.event, frame.data) == ("error", b'{"message":"no"}')


@pytest.mark.parametrize("frames", [SseFrames(), LineFrames()])
def test_a_frame_without_an_end_is_bounded(frames: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "MAX_FRAME_BYTES", 100)
    with pytest.raises(FrameTooLongError):
        frames.feed(b"data: " + b"x" * 200)
