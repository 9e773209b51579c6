"""Cost by component: every dollar is in one place."""

from __future__ import annotations

import math
from typing import Any

import pytest

from simulations.cost.allocation import IDLE, allocate
from simulations.cost.savings import COMMITMENT, options
from stacks.pricing.costs import monthly_cost
from stacks.pricing.prices import PriceBook

BOOK = PriceBook.bundled()


@pytest.fixture
def graph(build: Any) -> Any:
    fleet = [build.node(f"gpu-{i}", "gpu", "a", low=3) for i in range(3)]
    return build.graph(*fleet, build.deployment("ai", 3, "gpu", engine=True), build.deployment("batch", 1, "gpu"))


def test_components_and_idle_add_up_to_the_cost(graph: Any) -> None:
    found = allocate(graph, BOOK)
    assert math.fsum(one.total_usd for one in found) == pytest.approx(monthly_cost(graph, BOOK).monthly_usd, rel=1e-9)
    assert found[-1].name == IDLE
    assert found[-1].gpu_usd > 0


def test_the_idle_share_is_that_of_the_cost(graph: Any) -> None:
    idle, cost = allocate(graph, BOOK)[-1], monthly_cost(graph, BOOK)
    assert idle.total_usd / cost.monthly_usd == pytest.approx(cost.idle_share)


def test_nodes_without_a_price_are_left_out(build: Any) -> None:
    unpriced = build.graph(build.node("gpu-0", "gpu", "a", price="aws/eu-north-1/unknown"), build.deployment("ai", 1, "gpu"))
    assert allocate(unpriced, BOOK) == ()
    assert options(unpriced, BOOK) == ()


def test_options_save_what_the_prices_say(graph: Any) -> None:
    cost = monthly_cost(graph, BOOK)
    (pool,) = cost.pools
    found = {option.name.partition(":")[0]: option for option in options(graph, BOOK)}
    assert found["rightsize"].saving_usd == pytest.approx(cost.monthly_usd * 2 / 3)
    assert pool.price is not None
    assert pool.price.spot_usd_per_hour is not None
    assert found["spot"].share == pytest.approx(1 - pool.price.spot_usd_per_hour / pool.usd_per_hour)
    assert found["commit"].saving_usd == pytest.approx(COMMITMENT * cost.low_usd)
    assert all(option.risk for option in found.values())
