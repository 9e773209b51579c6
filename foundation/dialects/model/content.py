"""Parts of messages and answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

MediaKind: TypeAlias = Literal["image", "audio", "video", "document"]


@dataclass(slots=True)
class Text:
    """Plain text. ``cache_control`` is Anthropic's mark on a block, as it came."""

    text: str
    cache_control: Any = None


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
    """What the model thought. ``signature`` proves to its provider that it is unchanged; ``redacted`` holds it encrypted instead."""

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
    """What a tool answered; ``name`` is empty where the dialect knows calls by id alone."""

    call_id: str
    content: list[Part] = field(default_factory=list)
    is_error: bool = False
    name: str = ""


@dataclass(slots=True)
class Code:
    """Code that the provider ran by itself (Gemini's code execution)."""

    language: str
    code: str
    id: str = ""

    @property
    def as_text(self) -> str:
        """Markdown, for dialects that have no part for it."""
        return f"\n```{self.language.lower()}\n{self.code}\n```\n"


@dataclass(slots=True)
class CodeResult:
    """What that code printed; ``outcome`` is ``ok``, ``failed`` or ``deadline_exceeded``."""

    outcome: str
    output: str
    id: str = ""

    @property
    def as_text(self) -> str:
        """Markdown, for dialects that have no part for it."""
        return f"\n```\n{self.output}\n```\n"


@dataclass(slots=True)
class Kept:
    """A part that only its own dialect understands, as it came."""

    dialect: str
    value: Any


Part: TypeAlias = Text | Media | Thinking | ToolCall | ToolResult | Code | CodeResult | Kept
