"""Tokens counted by a provider, in disjoint buckets, so that each has one price.

Providers disagree: Anthropic's ``input_tokens`` excludes cached tokens, OpenAI's and Gemini's prompt counts include them; OpenAI's and
Anthropic's output includes reasoning, Gemini's ``candidatesTokenCount`` does not. Each dialect converts to this form.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts of one response; None if the provider gave none, which is not the same as zero.

    ``input_tokens`` are those that were neither read from nor written to a cache; ``output_tokens`` include ``reasoning_tokens``.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    reasoning_tokens: int = 0
    web_searches: int = 0
    batch: bool = False
    """Answered as part of a batch, which costs half."""

    @property
    def prompt_tokens(self) -> int:
        """All input tokens, cached or not; they determine the long-context price band."""
        return (self.input_tokens or 0) + self.cache_read_tokens + self.cache_write_5m_tokens + self.cache_write_1h_tokens

    @property
    def complete(self) -> bool:
        """Whether both sides are known."""
        return self.input_tokens is not None and self.output_tokens is not None


def count(value: object) -> int | None:
    """Return a provider's token count; None if it is not a non-negative integer. Some servers write it as ``24.0``."""
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and value >= 0 else None
