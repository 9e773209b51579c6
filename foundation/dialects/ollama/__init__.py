"""Ollama chat: newline-delimited JSON, streamed unless asked otherwise."""

from foundation.dialects.ollama.dialect import OllamaDialect

__all__ = ["OllamaDialect"]
