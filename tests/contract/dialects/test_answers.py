"""What a dialect writes it reads back, whole or streamed, cut anywhere; between dialects nothing that both can say is lost."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.dialects import DIALECTS, json_bytes
from foundation.dialects.model.answer import Answer
from foundation.dialects.model.assembly import assemble, events_of
from foundation.dialects.model.content import Text, ToolCall
from foundation.dialects.model.errors import STATUS_OF, ErrorKind, MalformedAnswerError, ProviderError
from foundation.dialects.model.events import End, Event, Failed, Stop
from tests.contract.dialects.strategies import answers, cut

every_dialect = pytest.mark.parametrize("name", DIALECTS)
few = settings(max_examples=20)  # drawing an answer takes longer than the test
pairs = pytest.mark.parametrize(("name", "other"), [(one, two) for one in DIALECTS for two in DIALECTS if one != two])


def written(name: str, answer: Answer, piece: int) -> bytes:
    encoder = DIALECTS[name].stream_encoder()
    return b"".join(encoder.encode(event) for event in events_of(answer, piece=piece))


def read(name: str, chunks: list[bytes]) -> list[Event]:
    decoder = DIALECTS[name].stream_decoder()
    return [event for chunk in chunks for event in decoder.feed(chunk).events] + decoder.end()


@every_dialect
@few
@given(data=st.data())
def test_a_whole_answer_is_read_as_written(name: str, data: Any) -> None:
    answer = data.draw(answers(name))
    document = json_bytes.decode(json_bytes.encode(DIALECTS[name].encode_answer(answer)))
    assert DIALECTS[name].decode_answer(document) == answer


@every_dialect
@few
@given(data=st.data(), piece=st.integers(1, 9))
def test_a_stream_is_read_as_written_however_it_is_cut(name: str, data: Any, piece: int) -> None:
    answer = data.draw(answers(name))
    stream = written(name, answer, piece)
    result = assemble(read(name, cut(stream, data.draw)))
    assert result.ended
    assert result.error is None
    assert result.answer == answer


@every_dialect
@few
@given(data=st.data())
def test_frames_pass_through_unchanged(name: str, data: Any) -> None:
    stream = written(name, data.draw(answers(name)), 3)
    decoder = DIALECTS[name].stream_decoder()
    assert b"".join(frame for chunk in cut(stream, data.draw) for frame in decoder.feed(chunk).raw) == stream


@every_dialect
@few
@given(data=st.data())
def test_a_stream_cut_before_its_stop_is_never_a_success(name: str, data: Any) -> None:
    stream = written(name, data.draw(answers(name)), 3)
    events = read(name, [stream[: data.draw(st.integers(0, len(stream)))]])
    if any(isinstance(event, Stop) for event in events):
        assert isinstance(events[-1], End)
    else:
        assert isinstance(events[-1], Failed)
        assert events[-1].error.kind is ErrorKind.TRUNCATED


@every_dialect
@few
@given(noise=st.binary(min_size=1, max_size=60), data=st.data())
def test_noise_in_a_stream_raises_nothing(name: str, noise: bytes, data: Any) -> None:
    stream = written(name, data.draw(answers(name)), 3)
    at = data.draw(st.integers(0, len(stream)))
    events = read(name, [stream[:at] + noise + stream[at:]])
    assert isinstance(events[-1], End | Failed)


@every_dialect
@few
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["choices", "message", "content", "candidates", "parts", "delta", "type", "usage", "index"]),
                inner,
                max_size=4,
            )
        ),
    )
)
def test_a_wrong_shape_is_malformed_and_nothing_else(name: str, document: Any) -> None:
    with contextlib.suppress(MalformedAnswerError):
        DIALECTS[name].decode_answer(document)
    body = json_bytes.encode(document)
    events = read(name, [body + b"\n" if name == "ollama" else b"data: " + body + b"\n\n"])
    assert isinstance(events[-1], End | Failed)


@pairs
@few
@given(data=st.data())
def test_a_translated_stream_keeps_text_calls_and_counts(name: str, other: str, data: Any) -> None:
    answer = data.draw(answers(name))
    encoder = DIALECTS[other].stream_encoder()
    translated = b"".join(encoder.encode(event) for event in read(name, [written(name, answer, 4)]))
    result = assemble(read(other, [translated])).answer
    expected = [part for part in answer.parts if isinstance(part, ToolCall)]
    assert [(call.name, json_bytes.decode(call.arguments)) for call in result.parts if isinstance(call, ToolCall)] == [
        (call.name, json_bytes.decode(call.arguments)) for call in expected
    ]
    for part in answer.parts:
        if isinstance(part, Text):
            assert part.text in "".join(inner.text for inner in result.parts if isinstance(inner, Text))
    assert result.usage.prompt_tokens == answer.usage.prompt_tokens
    assert result.usage.output_tokens == answer.usage.output_tokens


KINDS = [kind for kind in ErrorKind if kind is not ErrorKind.CONNECTION]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["openai", "anthropic", "gemini"])
def test_errors_keep_their_kind_and_their_wait(name: str, kind: ErrorKind) -> None:
    error = ProviderError(kind, "no", STATUS_OF[kind], retry_after_s=1.5)
    status, headers, document = DIALECTS[name].encode_error(error)
    back = DIALECTS[name].decode_error(status, headers, json_bytes.encode(document), now_s=0.0)
    assert (back.kind, back.status, back.message, back.retry_after_s) == (kind, STATUS_OF[error.kind], "no", 1.5)


@every_dialect
def test_an_error_in_a_stream_ends_it(name: str) -> None:
    encoder = DIALECTS[name].stream_encoder()
    stream = encoder.encode(Failed(ProviderError(ErrorKind.OVERLOADED, "busy", 503)))
    (event,) = read(name, [stream])
    assert isinstance(event, Failed)
    assert "busy" in event.error.message
