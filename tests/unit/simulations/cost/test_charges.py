"""What is billed by use."""

from __future__ import annotations

from typing import Any

import pytest

from simulations.cost.charges import charges
from simulations.cost.savings import AVAILABLE, options
from stacks.graph import Graph, Resource
from stacks.pricing.costs import HOURS_PER_MONTH
from stacks.pricing.prices import PriceBook
from stacks.pricing.rates import rate_of


def claims(copies: int, size: str) -> Resource:
    template = {"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": size}}}}
    inputs = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}}
    spec = {"replicas": copies, "volumeClaimTemplates": [template], "template": {"spec": {"containers": []}}}
    return Resource(urn="urn:db", type="kubernetes:apps/v1:StatefulSet", name="db", inputs={**inputs, "spec": spec})


def test_storage_and_answers_are_priced_in_the_cloud_of_the_nodes(build: Any) -> None:
    graph = Graph.of([*build.graph(build.node("gpu-0", "gpu", "a"), build.deployment("ai", 1, "gpu")), claims(3, "10Gi")], "test")
    storage, answers = sorted(charges(graph, 1e9 / HOURS_PER_MONTH), key=lambda charge: charge.name, reverse=True)
    assert (storage.quantity, storage.monthly_usd) == (30, pytest.approx(1.2))
    assert (answers.quantity, answers.rate.cloud) == (pytest.approx(250), "aws")
    assert answers.monthly_usd == pytest.approx(250 * 0.143)
    assert all(charge.rate.source and charge.rate.as_of for charge in (storage, answers))


def test_an_unknown_cloud_has_the_default_price_and_nothing_used_costs_nothing(build: Any) -> None:
    assert rate_of("storage", "example").cloud == ""
    assert charges(build.graph(build.deployment("ai", 1, "gpu")), 0.0) == ()


def test_the_risk_of_spot_is_that_of_its_zones(build: Any) -> None:
    fleet = [build.node(f"gpu-{index}", "gpu", zone) for index, zone in enumerate("abc")]
    graph = build.graph(*fleet, build.deployment("ai", 3, "gpu", engine=True))
    found = {option.name: option for option in options(graph, PriceBook.bundled())}
    whole, half = found["spot: pool gpu"], found["spot for half: pool gpu"]
    assert half.saving_usd == pytest.approx(whole.saving_usd * 2 / 3)
    assert f"all 3 are there {round(100 * AVAILABLE**3)} %" in whole.risk
    assert f"none {round(100 * (1 - AVAILABLE) ** 3)} %" in whole.risk
    assert "none 0 %" in half.risk  # one node stays


def test_a_pool_with_nodes_of_two_purchases_has_the_risk_of_those_that_would_be_bought_otherwise(build: Any) -> None:
    fleet = [build.node(f"gpu-{index}", "gpu", "abc"[index % 3], purchase="spot" if index > 1 else "on-demand") for index in range(6)]
    found = {option.name: option for option in options(build.graph(*fleet, build.deployment("ai", 1, "gpu")), PriceBook.bundled())}
    assert f"all 2 are there {round(100 * AVAILABLE**2)} %" in found["spot: pool gpu"].risk


def test_what_excludes_nothing_is_put_together(build: Any) -> None:
    fleet = [build.node(f"gpu-{index}", "gpu", "a", low=3) for index in range(3)]
    graph = build.graph(*fleet, build.deployment("ai", 1, "gpu"))
    found = {option.name.partition(":")[0]: option for option in options(graph, PriceBook.bundled())}
    assert found["rightsize"].saving_usd < found["together"].saving_usd < found["rightsize"].saving_usd + found["commit"].saving_usd
