"""A whole answer."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

from foundation.dialects.model.content import Part
from foundation.dialects.model.usage import Usage


class StopReason(enum.StrEnum):
    """Why a model stopped."""

    END = "end"
    MAX_TOKENS = "max_tokens"
    STOP_SEQUENCE = "stop_sequence"
    TOOL_CALLS = "tool_calls"
    PAUSE = "pause"  # a long turn of server tools; send it back to go on
    REFUSAL = "refusal"  # the model declined
    CONTENT_FILTER = "content_filter"  # the provider's filter cut it
    CONTEXT_LENGTH = "context_length"
    MALFORMED_CALL = "malformed_call"


@dataclass(slots=True)
class Answer:
    """One answer. ``kept`` holds what only its own dialect understands (grounding, citations), by name."""

    id: str
    model: str
    parts: list[Part]
    stop: StopReason = StopReason.END
    stop_sequence: str | None = None
    usage: Usage = field(default_factory=Usage)
    kept: dict[str, Any] = field(default_factory=dict)
    kept_by: str = ""
