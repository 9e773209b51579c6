"""Our price book beside `genai-prices`, an independent and dated data set: equal where both know a model, and where not, said why."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

genai_prices = pytest.importorskip("genai_prices", reason="needs the dependency group `gateway-parity`: run `nox -s gateway`")

from foundation.dialects.model.usage import Usage
from workloads.gateway.money.cost import cost_of
from workloads.gateway.money.price_book import SHIPPED, load_prices

BOOK = load_prices(SHIPPED)
DAY = datetime(2026, 10, 20, tzinfo=UTC)
PROVIDERS = {"anthropic": "anthropic", "gemini": "google"}


@pytest.mark.parametrize(("provider", "model"), sorted(BOOK.rows))
@pytest.mark.parametrize("prompt", [1_000, 150_000, 300_000])
def test_the_same_answer_costs_the_same(provider: str, model: str, prompt: int) -> None:
    usage = genai_prices.Usage(input_tokens=prompt, output_tokens=1_000)
    try:
        theirs = genai_prices.calc_price(usage, model, provider_id=PROVIDERS[provider], genai_request_timestamp=DAY).total_price
    except LookupError:
        pytest.skip("genai-prices does not know this model")
    ours = cost_of(Usage(prompt, 1_000), provider=provider, model=model, book=BOOK, unix_s=DAY.timestamp()).nano_usd
    assert Decimal(ours) / 10**9 == theirs
