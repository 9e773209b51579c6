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
    PAUSE = "pause"  # a long turn with server tools; send it back to continue
    REFUSAL = "refusal"  # the model declined
    CONTENT_FILTER = "content_filter"  # cut off by the provider's filter
    CONTEXT_LENGTH = "context_length"
    MALFORMED_CALL = "malformed_call"


@dataclass(slots=True)
class Answer:
    """One response. ``kept`` holds parts that only its own dialect has (grounding, citations), by name."""

    id: str
    model: str
    parts: list[Part]
    stop: StopReason = StopReason.END
    stop_sequence: str | None = None
    usage: Usage = field(default_factory=Usage)
    kept: dict[str, Any] = field(default_factory=dict)
    kept_by: str = ""
