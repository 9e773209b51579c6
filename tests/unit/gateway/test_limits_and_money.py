"""Limits are reserved and settled, money is exact, and nothing unknown is free."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.dialects.model.errors import ErrorKind, ProviderError
from foundation.dialects.model.usage import Usage
from workloads.gateway.errors import ConfigurationError
from workloads.gateway.limits.rate import Rate
from workloads.gateway.limits.tenant import Allowance, Meter, Reservation, reserve
from workloads.gateway.money.cost import cost_of, filled
from workloads.gateway.money.ledger import Ledger, reconcile
from workloads.gateway.money.price_book import SHIPPED, load_prices

BOOK = load_prices(SHIPPED)
TODAY_S = datetime(2026, 11, 15, tzinfo=UTC).timestamp()
counts = st.integers(0, 10**7)


@given(st.lists(st.tuples(st.floats(0.0, 30.0), st.floats(1.0, 40.0)), max_size=30))
def test_no_minute_takes_more_than_two_minutes_worth(asked: list[tuple[float, float]]) -> None:
    """GCRA with a burst of one minute: over any window of 60 s at most the burst and one refill."""
    rate, now, taken = Rate(100.0), 0.0, []
    for pause, amount in asked:
        now += pause
        if not rate.wait_s(amount, now):
            rate.take(amount, now)
            taken.append((now, amount))
    for start, _ in taken:
        assert sum(amount for at, amount in taken if start <= at < start + 60.0) <= 200.0 + 40.0


def test_what_was_reserved_and_not_used_is_given_back() -> None:
    rate = Rate(100.0)
    rate.take(100.0, 0.0)
    assert rate.wait_s(1.0, 0.0) == pytest.approx(0.6)
    rate.take(-90.0, 0.0)
    assert rate.wait_s(90.0, 0.0) == 0.0
    assert rate.left(0.0) == pytest.approx(90.0)


def test_more_than_a_minute_s_worth_passes_an_idle_limit_alone() -> None:
    rate = Rate(10.0)
    assert rate.wait_s(500.0, 0.0) == 0.0
    rate.take(500.0, 0.0)
    assert rate.wait_s(1.0, 0.0) > 2900


def taken(meters: list[Meter], **amounts: Any) -> Any:
    wanted = {"input_tokens": 0, "output_tokens": 0, "cost": 0, "now_s": 0.0, "unix_s": 0.0, **amounts}
    return reserve(meters, **wanted)


def test_all_meters_or_none() -> None:
    tenant = Meter("tenant a", Allowance(requests_per_min=100))
    key = Meter("key a/1", Allowance(requests_per_min=1))
    assert isinstance(taken([tenant, key]), Reservation)
    for _ in range(500):
        refused = taken([tenant, key])
        assert isinstance(refused, ProviderError)
    assert (refused.kind, refused.limit) == (ErrorKind.RATE_LIMIT, "requests")
    assert refused.retry_after_s == pytest.approx(60.0, abs=0.01)
    assert isinstance(taken([tenant]), Reservation), "a refusal by the key took nothing from the tenant"


def test_a_budget_of_money_lasts_to_the_end_of_the_day() -> None:
    meter = Meter("tenant a", Allowance(nano_usd_per_day=100))
    first = taken([meter], cost=80, unix_s=86_000.0)
    assert isinstance(first, Reservation)
    refused = taken([meter], cost=30, unix_s=86_000.0)
    assert isinstance(refused, ProviderError)
    assert (refused.kind, refused.retry_after_s) == (ErrorKind.QUOTA, 400.0)
    first.settle(0, 0, 10, 0.0, 86_000.0)
    first.settle(0, 0, 10, 0.0, 86_000.0)
    assert meter.spent(86_000.0) == 10
    assert isinstance(taken([meter], cost=100, unix_s=86_400.0), Reservation), "a new day"


def test_a_request_over_midnight_counts_in_the_new_day_and_takes_nothing_from_others() -> None:
    meter = Meter("tenant a", Allowance(nano_usd_per_day=100))
    late = taken([meter], cost=80, unix_s=86_399.0)
    others = taken([meter], cost=50, unix_s=86_401.0)
    assert isinstance(late, Reservation)
    assert isinstance(others, Reservation)
    late.settle(0, 0, 10, 0.0, 86_402.0)
    assert meter.spent(86_402.0) == 60
    others.settle(0, 0, 40, 0.0, 86_403.0)
    assert meter.spent(86_403.0) == 50


@given(counts, counts, counts, counts, counts, st.integers(0, 50), st.booleans())
def test_costs_are_exact_over_all_shapes_of_usage(
    fresh: int, output: int, read: int, five: int, hour: int, searches: int, late: bool
) -> None:
    """Against decimal arithmetic on the published prices, written here once more."""
    usage = Usage(fresh, output, read, five, hour, 0, searches)
    day = datetime(2026, 10, 20 if late else 1, tzinfo=UTC).timestamp()
    cost = cost_of(usage, provider="anthropic", model="claude-sonnet-5-5", book=BOOK, unix_s=day)
    prices = (2, 10, Decimal("0.10") if late else Decimal("0.20"), Decimal("2.5"), 4)
    million = sum(Decimal(tokens) * price for tokens, price in zip((fresh, output, read, five, hour), prices, strict=True)) / 10**6
    assert Decimal(cost.nano_usd) == (million + Decimal(searches) * 10 / 1000) * 10**9
    assert cost.doubts == ()


def test_the_whole_request_is_billed_by_the_band_of_its_whole_prompt() -> None:
    def cost(fresh: int, read: int) -> int:
        return cost_of(Usage(fresh, 1000, read), provider="anthropic", model="claude-haiku-5-5", book=BOOK, unix_s=TODAY_S).nano_usd

    assert cost(100_000, 0) == 100_000 * 100 + 1000 * 500
    assert cost(100_001, 0) == 100_001 * 500 + 1000 * 2500
    assert cost(50_000, 60_000) == 50_000 * 500 + 60_000 * 50 + 1000 * 2500


def test_prices_change_with_the_date() -> None:
    before, after = (datetime(year, month, day, tzinfo=UTC).timestamp() for year, month, day in ((2026, 12, 31), (2027, 1, 1)))
    costs = [cost_of(Usage(1000, 0), provider="gemini", model="gemini-3.8-flash", book=BOOK, unix_s=at).nano_usd for at in (before, after)]
    assert costs == [750_000, 1_500_000]


def test_an_unknown_model_is_never_free() -> None:
    cost = cost_of(Usage(10, 10), provider="anthropic", model="claude-unheard-of", book=BOOK, unix_s=TODAY_S)
    assert cost.doubts == ("unpriced-model",)
    assert cost.nano_usd == 10 * BOOK.dearest.input + 10 * BOOK.dearest.output > 0


def test_a_dated_name_has_its_model_s_price_and_a_bucket_without_a_price_the_input_s() -> None:
    assert BOOK.row("anthropic", "claude-haiku-4-5-20251001", TODAY_S) is BOOK.row("anthropic", "claude-haiku-4-5", TODAY_S)
    later = datetime(2027, 2, 1, tzinfo=UTC).timestamp()
    cost = cost_of(Usage(0, 0, cache_read_tokens=10), provider="gemini", model="gemini-3.8-flash", book=BOOK, unix_s=later)
    assert (cost.nano_usd, cost.doubts) == (15_000, ("unpriced-cache",))


def test_missing_counts_are_estimated_and_said_to_be() -> None:
    assert filled(Usage(None, 5), prompt_estimate=40, output_estimate=9) == (Usage(40, 5), True)
    assert filled(Usage(1, 2), prompt_estimate=40, output_estimate=9) == (Usage(1, 2), False)


def test_batches_cost_half() -> None:
    whole, half = (
        cost_of(Usage(1001, 1, batch=batch), provider="anthropic", model="claude-sonnet-5", book=BOOK, unix_s=TODAY_S)
        for batch in (False, True)
    )
    assert half.nano_usd * 2 == whole.nano_usd


def test_a_wrong_price_file_says_where(tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    for rows in (
        [{"provider": "p"}],
        [{"provider": "p", "model": "m", "from": "2026-01-01", "bands": [{"input": "0.00001", "output": "1"}]}],
    ):
        file.write_text(json.dumps({"version": "x", "rows": rows}))
        with pytest.raises(ConfigurationError, match=r"prices\.json"):
            load_prices(file)


def test_a_ledger_adds_up_and_survives_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "ledger.jsonl"
    ledger = Ledger(path)
    for number in range(5):
        ledger.append({"tenant": "a" if number % 2 else "b", "nano_usd": number})
    ledger.close()
    with path.open("ab") as file:
        file.write(b'{"tenant":"a","nano_')
    again = Ledger(path)
    again.append({"tenant": "a", "nano_usd": 7})
    again.close()
    total = reconcile(path)
    assert (total.requests, total.nano_usd, total.torn, total.by_tenant) == (6, 17, 1, {"a": 11, "b": 6})
    assert ledger.nano_usd + again.nano_usd == total.nano_usd
