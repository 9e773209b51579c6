from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from stacks.environment.thresholds import Threshold, UnknownMetricError


def test_parses_and_holds() -> None:
    threshold = Threshold(" p95_ttft_ms<400 ")
    assert str(threshold) == "p95_ttft_ms < 400"
    assert threshold.holds(399.9)
    assert not threshold.holds(400)


@pytest.mark.parametrize(
    ("expression", "value", "holds"),
    [
        ("failed_share <= 0.01", 0.01, True),
        ("output_tokens_per_s >= 20", 19, False),
        ("policy_violations == 0", 0, True),
        ("utilisation > 0.1", 0.1, False),
    ],
)
def test_every_operator(expression: str, value: float, holds: bool) -> None:
    assert Threshold(expression).holds(value) is holds


def test_thousands_may_be_grouped() -> None:
    assert Threshold("monthly_cost_usd < 20_000").limit == 20000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "p95_ttft_ms",
        "p95_ttft_ms < fast",
        "p95_ttft_ms != 3",
        "400 > p95_ttft_ms",
        "p95_ttft_ms < -1",
        "p95_ttft_ms < 1__0",
        "p95_ttft_ms < 1_",
    ],
)
def test_what_is_no_threshold_says_what_is(text: str) -> None:
    with pytest.raises(ValueError, match="for instance"):
        Threshold(text)


def test_an_unknown_metric_knows_the_right_ones() -> None:
    with pytest.raises(UnknownMetricError) as caught:
        Threshold("p95_tft_ms < 400")
    assert "p95_ttft_ms" in caught.value.allowed


def test_an_interval_over_the_limit_straddles() -> None:
    assert Threshold("p95_ttft_ms < 400").straddled_by(380, 420)
    assert not Threshold("p95_ttft_ms < 400").straddled_by(380, 390)


def test_pydantic_reads_and_writes_it_as_text() -> None:
    adapter = TypeAdapter(Threshold)
    assert adapter.dump_python(adapter.validate_python("p50_e2e_ms < 9")) == "p50_e2e_ms < 9"
    with pytest.raises(ValidationError, match="is not a text"):
        adapter.validate_python(5)


@pytest.mark.parametrize("number", ["1234567", "123456.789", "0.00001", "0", "400", "0.01", "10000000000000000000000"])
def test_a_limit_is_shown_with_all_its_digits(number: str) -> None:
    shown = str(Threshold(f"monthly_cost_usd < {number}"))
    assert shown == f"monthly_cost_usd < {number}"
    assert Threshold(shown) == Threshold(f"monthly_cost_usd<{number}")


def test_equal_are_those_with_the_same_metric_operator_and_limit() -> None:
    texts = ["monthly_cost_usd < 1234567", "monthly_cost_usd < 1_234_567.0", "monthly_cost_usd < 1234568", "monthly_cost_usd <= 1234567"]
    first, same, *others = map(Threshold, texts)
    assert first == same
    assert first not in others
    assert len({first, same, *others}) == 3


def test_a_limit_beyond_all_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match="999999999999… is larger than any measured value"):
        Threshold(f"monthly_cost_usd < {'9' * 400}")
