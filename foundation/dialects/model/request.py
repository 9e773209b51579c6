"""A request for a chat completion, independent of the dialect."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from foundation.dialects.model.content import Part, Text


@dataclass(slots=True)
class Message:
    """One turn; results of tools are parts of a user's turn."""

    role: Literal["user", "assistant"]
    parts: list[Part]


@dataclass(slots=True)
class Tool:
    """A client's tool; ``parameters`` is JSON Schema."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    strict: bool | None = None


@dataclass(slots=True)
class ToolChoice:
    """Which tool to call: ``auto``, ``none``, ``required``, or the one called ``name``."""

    mode: Literal["auto", "none", "required", "named"]
    name: str = ""


@dataclass(slots=True)
class Reasoning:
    """How much reasoning is requested: off, adaptive, an ``effort`` or ``budget_tokens``."""

    enabled: bool = True
    effort: str = ""
    budget_tokens: int | None = None


@dataclass(slots=True)
class OutputFormat:
    """Structured output: any JSON object, or one of a ``schema``."""

    schema: dict[str, Any] | None = None
    name: str = "answer"
    strict: bool = True


@dataclass(slots=True)
class ChatRequest:
    """One request. ``extra`` are fields that only its own dialect knows, by name; ``extra_options`` those of its inner object.

    That is Gemini's ``generationConfig``, and Ollama's ``options``.

    ``reports_usage``: the client wants usage at the end of a stream, which OpenAI's dialect makes an option.
    """

    model: str
    messages: list[Message]
    system: list[Text] = field(default_factory=list)
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    stop: list[str] = field(default_factory=list)
    tools: list[Tool] = field(default_factory=list)
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    reasoning: Reasoning | None = None
    output_format: OutputFormat | None = None
    user: str = ""
    stream: bool = False
    reports_usage: bool = True
    extra: dict[str, Any] = field(default_factory=dict)
    extra_options: dict[str, Any] = field(default_factory=dict)

    @property
    def unknown(self) -> list[str]:
        """The names of all fields that other dialects lose."""
        return [*self.extra, *self.extra_options]


#: Fields that have the same name in the model and in ``lost``.
SAMPLING = ("temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty")
