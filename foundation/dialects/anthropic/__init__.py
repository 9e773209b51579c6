"""Anthropic Messages, API version 2026-10-21."""

from foundation.dialects.anthropic.dialect import API_VERSION, AnthropicDialect

__all__ = ["API_VERSION", "AnthropicDialect"]
