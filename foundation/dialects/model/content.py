"""Parts of messages and answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

MediaKind: TypeAlias = Literal["image", "audio", "video", "document"]


@dataclass(slots=True)
class Text:
    """Plain text. ``cache_control`` is Anthropic's marker on a block, ``citations`` what it quotes; both unchanged."""

    text: str
    cache_control: Any = None
    citations: Any = None


@dataclass(slots=True)
class Media:
    """An image, sound, film or document: base64 in ``data``, or a ``url``. ``detail`` is OpenAI's hint on resolution."""

    kind: MediaKind
    media_type: str
    data: str | None = None
    url: str | None = None
    name: str = ""
    detail: str = ""


@dataclass(slots=True)
class Thinking:
    """The model's reasoning. ``signature`` proves to its provider that it is unchanged; ``redacted`` is the encrypted form instead."""

    text: str
    signature: str | None = None
    redacted: str | None = None


@dataclass(slots=True)
class ToolCall:
    """A call of a client's tool; ``arguments`` is JSON text, as the model wrote it, and may be cut short by a token limit."""

    id: str
    name: str
    arguments: str
    signature: str | None = None


@dataclass(slots=True)
class ToolResult:
    """The result of a tool; ``name`` is empty if the dialect identifies calls only by id."""

    call_id: str
    content: list[Part] = field(default_factory=list)
    is_error: bool = False
    name: str = ""


@dataclass(slots=True)
class Code:
    """Code that the provider executed (Gemini's code execution)."""

    language: str
    code: str
    id: str = ""

    @property
    def as_text(self) -> str:
        """Markdown, for dialects without such a part."""
        return f"\n```{self.language.lower()}\n{self.code}\n```\n"


@dataclass(slots=True)
class CodeResult:
    """The output of that code; ``outcome`` is ``ok``, ``failed`` or ``deadline_exceeded``."""

    outcome: str
    output: str
    id: str = ""

    @property
    def as_text(self) -> str:
        """Markdown, for dialects without such a part."""
        return f"\n```\n{self.output}\n```\n"


@dataclass(slots=True)
class Kept:
    """A part that only its own dialect has, unchanged."""

    dialect: str
    value: Any


Part: TypeAlias = Text | Media | Thinking | ToolCall | ToolResult | Code | CodeResult | Kept
