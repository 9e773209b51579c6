"""Answers and requests that a dialect can say, for property tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from foundation.dialects import json_bytes
from foundation.dialects.model.answer import Answer, StopReason
from foundation.dialects.model.content import Code, CodeResult, Text, Thinking, ToolCall
from foundation.dialects.model.usage import Usage

texts = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40)
names = st.text("abcdefghij_", min_size=1, max_size=12)
counts = st.integers(0, 10**9)
values: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(names, values, max_size=4)

STOPS = {
    "openai": (StopReason.END, StopReason.MAX_TOKENS, StopReason.CONTENT_FILTER),
    "anthropic": (
        StopReason.END,
        StopReason.MAX_TOKENS,
        StopReason.STOP_SEQUENCE,
        StopReason.PAUSE,
        StopReason.REFUSAL,
        StopReason.CONTEXT_LENGTH,
    ),
    "gemini": (StopReason.END, StopReason.MAX_TOKENS, StopReason.CONTENT_FILTER, StopReason.MALFORMED_CALL),
    "ollama": (StopReason.END, StopReason.MAX_TOKENS),
}


@st.composite
def usages(draw: Any, dialect: str) -> Usage:
    output = draw(counts)
    fresh = draw(counts)
    reasoning = 0 if dialect == "ollama" else draw(st.integers(0, output))
    cached = 0 if dialect == "ollama" else draw(counts)
    written = (draw(counts), draw(counts)) if dialect == "anthropic" else (draw(counts) if dialect == "openai" else 0, 0)
    searches = draw(st.integers(0, 9)) if dialect == "anthropic" else 0
    return Usage(fresh, output, cached, *written, reasoning, searches)


@st.composite
def answers(draw: Any, dialect: str) -> Answer:
    parts: list[Any] = []
    if draw(st.booleans()):
        signed = dialect in ("anthropic", "gemini")
        parts.append(Thinking(draw(texts), draw(names) if signed else None))
    if dialect == "gemini" and draw(st.booleans()):
        parts += [Code("PYTHON", draw(texts)), CodeResult(draw(st.sampled_from(("ok", "failed"))), draw(texts))]
    if draw(st.booleans()):
        parts.append(Text(draw(texts)))
    calls = [
        ToolCall(
            f"id_{number}", draw(names), json_bytes.encode_text(draw(objects)), draw(names) if dialect in ("gemini", "openai") else None
        )
        for number in range(draw(st.integers(0, 3)))
    ]
    parts += calls
    stop = StopReason.TOOL_CALLS if calls else draw(st.sampled_from(STOPS[dialect]))
    sequence = draw(names) if stop is StopReason.STOP_SEQUENCE else None
    answer_id = "" if dialect == "ollama" else draw(names)
    return Answer(answer_id, draw(names), parts, stop, sequence, draw(usages(dialect)))


def cut(data: bytes, draw: Any) -> list[bytes]:
    """Cut bytes anywhere."""
    places = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]
