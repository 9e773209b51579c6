"""The cost of a response.

Rule 1: buckets do not overlap, so a cost is a sum of products of integers; there is no rounding.
Rule 2: an unknown model or a missing count never means zero: the highest price or an estimated count is used instead, and ``doubts``
records it for alerting.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from foundation.dialects.model.usage import Usage
from workloads.gateway.money.price_book import Band, PriceBook


@dataclass(frozen=True, slots=True)
class Cost:
    """Nano-dollars, and why they are uncertain: ``unpriced-model``, ``missing-usage``, ``unpriced-cache``."""

    nano_usd: int
    doubts: tuple[str, ...] = ()


def cost_of(
    usage: Usage,
    *,
    provider: str,
    model: str,
    book: PriceBook,
    unix_s: float,
    own_price: Band | None = None,
) -> Cost:
    """Return the cost of complete ``usage``; ``own_price`` is the configured price of a self-hosted provider."""
    doubts: list[str] = []
    band = own_price
    if band is None:
        row = book.row(provider, model, unix_s)
        if row is None:
            doubts.append("unpriced-model")
        band = book.dearest if row is None else row.band(usage.prompt_tokens)
    nano = (usage.input_tokens or 0) * band.input + (usage.output_tokens or 0) * band.output
    for tokens, price in (
        (usage.cache_read_tokens, band.cache_read),
        (usage.cache_write_5m_tokens, band.cache_write_5m),
        (usage.cache_write_1h_tokens, band.cache_write_1h),
    ):
        if tokens:
            if price is None and "unpriced-cache" not in doubts:
                doubts.append("unpriced-cache")
            nano += tokens * (band.input if price is None else price)
    if usage.batch:
        nano = (nano + 1) // 2  # half price, in the provider's favour
    nano += usage.web_searches * book.web_search.get(provider, 0)
    return Cost(nano, tuple(doubts))


def filled(usage: Usage, *, prompt_estimate: int, output_estimate: int) -> tuple[Usage, bool]:
    """Return usage without missing counts, and whether any were missing."""
    if usage.complete:
        return usage, False
    fresh, output = usage.input_tokens, usage.output_tokens
    return (
        replace(
            usage,
            input_tokens=max(1, prompt_estimate - usage.cache_read_tokens) if fresh is None else fresh,
            output_tokens=output_estimate if output is None else output,
        ),
        True,
    )
