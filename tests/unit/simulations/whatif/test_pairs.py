"""Scenarios against each other."""

from types import SimpleNamespace
from typing import Any

import pytest

from simulations.whatif.pairs import pairs
from simulations.whatif.results import METRICS


def result(name: str, monthly_usd: float, noise: list[float], unpriced: tuple[str, ...] = (), shift: float = 0.0) -> Any:
    values = {metric: [100.0 + shift + one for one in noise] for metric in METRICS}
    return SimpleNamespace(name=name, cost=SimpleNamespace(monthly_usd=monthly_usd, unpriced=unpriced), values=values)


def test_noise_that_both_share_cancels_out() -> None:
    noise = [-30.0, 10.0, 25.0, -5.0, 0.0]
    (pair,) = pairs([result("a", 900.0, noise), result("b", 700.0, noise, shift=-3.0)])
    assert (pair.first, pair.second, pair.monthly_usd) == ("a", "b", -200.0)
    tokens = pair.metrics["usd_per_million_output_tokens"]
    assert tokens.difference is not None
    assert (tokens.difference.mean, tokens.difference.half_width) == pytest.approx((-3.0, 0.0), abs=1e-9)
    assert tokens.verdict == "better"  # cheaper
    assert pair.metrics["output_tokens_per_s"].verdict == "worse"
    assert tokens.value.half_width > 20  # alone it would tell nothing


def test_every_two_are_compared_and_a_missing_price_leaves_the_month_open() -> None:
    noise = [1.0, 2.0, 4.0]
    found = pairs([result("a", 1.0, noise), result("b", 2.0, noise, unpriced=("pool gpu",)), result("c", 4.0, noise)])
    assert [(pair.first, pair.second, pair.monthly_usd) for pair in found] == [("a", "b", None), ("a", "c", 3.0), ("b", "c", None)]
