"""The dialects by name."""

from __future__ import annotations

from typing import Final

from foundation.dialects.anthropic import AnthropicDialect
from foundation.dialects.dialect import Dialect
from foundation.dialects.gemini import GeminiDialect
from foundation.dialects.ollama import OllamaDialect
from foundation.dialects.openai import OpenAiDialect

ANTHROPIC: Final[Dialect] = AnthropicDialect()
OPENAI: Final[Dialect] = OpenAiDialect()
GEMINI: Final[Dialect] = GeminiDialect()
OLLAMA: Final[Dialect] = OllamaDialect()

#: Name → dialect. llama.cpp, vLLM and other compatible engines speak ``openai``.
DIALECTS: Final[dict[str, Dialect]] = {dialect.name: dialect for dialect in (ANTHROPIC, OPENAI, GEMINI, OLLAMA)}
