"""Events of a streamed response, in the form shared by all dialects.

Order: ``Start``, then deltas and ``UsageUpdate``, then ``Stop``, perhaps one more ``UsageUpdate``, then ``End``; or ``Failed`` at any
point, and nothing after it. ``End`` is the terminal marker of the dialect, so a stream without it was truncated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from foundation.dialects.model.answer import StopReason
from foundation.dialects.model.content import Code, CodeResult
from foundation.dialects.model.errors import ProviderError
from foundation.dialects.model.usage import Usage


@dataclass(slots=True)
class Start:
    """The answer begins."""

    id: str
    model: str


@dataclass(slots=True)
class TextDelta:
    """More text."""

    text: str


@dataclass(slots=True)
class ThinkingDelta:
    """More thinking."""

    text: str


@dataclass(slots=True)
class ThinkingSignature:
    """The signature of the thinking so far, which ends it; or thinking that came ``redacted``."""

    signature: str
    redacted: bool = False


@dataclass(slots=True)
class ToolCallStart:
    """Call number ``index`` (from 0) begins."""

    index: int
    id: str
    name: str
    signature: str | None = None


@dataclass(slots=True)
class ToolArguments:
    """More of the JSON text of call ``index``."""

    index: int
    text: str


@dataclass(slots=True)
class CodeEvent:
    """Code that the provider executed, or its output."""

    part: Code | CodeResult


@dataclass(slots=True)
class KeptEvent:
    """Something that only its own dialect has, such as grounding or citations; ``name`` says what."""

    dialect: str
    name: str
    value: Any


@dataclass(slots=True)
class UsageUpdate:
    """Usage so far; counts are cumulative, and the last one counts."""

    usage: Usage


@dataclass(slots=True)
class Stop:
    """The model stopped; ``sequence`` is the stop sequence that it generated."""

    reason: StopReason
    sequence: str | None = None


@dataclass(slots=True)
class End:
    """The stream is complete."""


@dataclass(slots=True)
class Failed:
    """The stream failed."""

    error: ProviderError


Event: TypeAlias = (
    Start
    | TextDelta
    | ThinkingDelta
    | ThinkingSignature
    | ToolCallStart
    | ToolArguments
    | CodeEvent
    | KeptEvent
    | UsageUpdate
    | Stop
    | End
    | Failed
)

#: Events that are visible to the client; the first of them is the commit point of a stream.
CONTENT = (TextDelta, ThinkingDelta, ThinkingSignature, ToolCallStart, ToolArguments, CodeEvent)
