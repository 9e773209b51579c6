"""Gemini generateContent."""

from foundation.dialects.gemini.dialect import GeminiDialect

__all__ = ["GeminiDialect"]
