"""Ollama chat: newline-delimited JSON, streamed by default."""

from foundation.dialects.ollama.dialect import OllamaDialect

__all__ = ["OllamaDialect"]
