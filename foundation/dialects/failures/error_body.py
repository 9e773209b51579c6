"""What all dialects' error bodies have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foundation.dialects import json_bytes

_LONGEST = 2_000


def error_object(body: bytes) -> Any:
    """Return the ``error`` member of a body, the body's own object, or its text; Gemini may wrap it in a list."""
    try:
        document = json_bytes.decode(body)
    except ValueError:
        return body.decode("utf-8", "replace").strip()
    if isinstance(document, list) and document:
        document = document[0]
    return document.get("error", document) if isinstance(document, dict) else document


def words(document: Any, *names: str) -> tuple[str, ...]:
    """Return the message, then the texts of ``names``; empty if missing."""
    if not isinstance(document, dict):
        return (str(document)[:_LONGEST] if document else "no message", *("" for _ in names))
    message = str(document.get("message") or "no message")[:_LONGEST]
    return (message, *("" if (value := document.get(name)) is None else str(value) for name in names))


def should_retry(headers: Mapping[str, str]) -> bool | None:
    """Read ``x-should-retry``, the provider's own advice."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", ""))


_TOO_LONG = ("prompt is too long", "maximum context length", "context window", "exceeds the maximum number of tokens", "context size")


def about_context_length(message: str) -> bool:
    """Return whether a request is invalid because its prompt is too long; Anthropic and Gemini say so only in the message."""
    lowered = message.lower()
    return any(phrase in lowered for phrase in _TOO_LONG)
