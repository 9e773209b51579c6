"""What-ifs on the environments that ship: the right replicas are lost, money and answers move the right way, and it is quick enough."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sandtable.document.answers.whatif import WhatIf
from sandtable.document.writing import to_text
from sandtable.jobs.gateway.predicting import gateway_of, model_of
from sandtable.terminal import show_whatif
from simulations.calibration import published
from simulations.failures import node_lost, play, zone_lost
from simulations.serving import Speed
from simulations.whatif import ScenarioResult, parse_scenario, run
from stacks.environment.file import load
from stacks.graph.capacity import nodes
from stacks.graph.demand import workloads
from stacks.graph.sources import from_program
from stacks.pricing.costs import monthly_cost
from stacks.pricing.prices import PriceBook

ROOT = Path(__file__).parents[2]


def speed(gpu_model: str | None) -> Speed:
    """The published figures: the engines of prod are on GPUs."""
    assert gpu_model is not None
    return published(gpu_model)


@pytest.fixture(scope="module")
def prod() -> Any:
    return load("prod", root=ROOT)


@pytest.fixture(scope="module")
def graph(prod: Any) -> Any:
    return from_program(prod)


@pytest.fixture(scope="module")
def answers(prod: Any, graph: Any) -> dict[str, ScenarioResult]:
    asked = ["traffic=4x", "replicas=-1", "zone-lost=us-east-1b", "spot=0.7", "gpu=A100-80GB", "price=1.5x"]
    results = run(
        graph,
        prod,
        [parse_scenario(text) for text in asked],
        calibration_for=speed,
        price_book=PriceBook.bundled(),
        replications=5,
    )
    return {result.name: result for result in results}


def test_the_cost_of_prod_is_the_sum_worked_out_by_hand(graph: Any) -> None:
    cost = monthly_cost(graph, PriceBook.bundled())
    # serving 3 H100, system 3, training 8 x A100 on spot, batch 4 x L40S on spot, edge 2 on spot; us-east-1 and eu-north-1.
    by_hand = (3 * 6.88 + 3 * 0.8064 + 1 * 6.1657 + 1 * 4.9101 + 2 * 0.1505) * 730
    assert cost.monthly_usd == pytest.approx(by_hand)
    assert cost.unpriced == ()


@pytest.mark.parametrize("zone", ["a", "b", "c"])
def test_a_lost_zone_takes_exactly_the_replica_that_runs_there(graph: Any, zone: str) -> None:
    found = nodes(graph)
    effects = play(workloads(graph), found, zone_lost(found, f"us-east-1{zone}", at_s=100), horizon_s=2000)
    there = {node.name for node in found if node.zone == f"us-east-1{zone}"}
    expected = {pod for pod, node in effects.first.node_of.items() if node in there and pod.startswith("ai/ai-stack-")}
    assert {o.replica for o in effects.outages} == expected
    assert len(expected) == 1
    # One H100 a node: a node is added in a zone that is left, after notice, toleration, provisioning and start.
    assert [o.end_s - o.start_s for o in effects.outages] == [50 + 300 + 300 + 60]
    assert {node.zone for node in effects.last.added} <= {"us-east-1a", "us-east-1b", "us-east-1c"} - {f"us-east-1{zone}"}


def test_a_zone_of_the_other_region_takes_no_replica(graph: Any) -> None:
    found = nodes(graph)
    zones = {node.zone for node in found if node.region == "eu-north-1"}
    for zone in zones:
        assert play(workloads(graph), found, zone_lost(found, zone, at_s=100), horizon_s=2000).outages == ()


def test_a_lost_system_node_leaves_serving_alone(graph: Any) -> None:
    found = nodes(graph)
    assert play(workloads(graph), found, node_lost(found, "system", at_s=100), horizon_s=2000).outages == ()


def test_every_pod_of_prod_has_a_node(answers: dict[str, ScenarioResult]) -> None:
    assert dict(answers["baseline"].unschedulable) == {}
    assert answers["baseline"].replicas_running == 3


def test_more_traffic_and_fewer_replicas_are_never_better(answers: dict[str, ScenarioResult]) -> None:
    for name in ("traffic=4x", "replicas=-1", "zone-lost=us-east-1b"):
        assert answers[name].metrics["p95_ttft_ms"].verdict in {"worse", "not distinguishable"}
    assert answers["traffic=4x"].metrics["output_tokens_per_s"].verdict == "better"
    assert answers["replicas=-1"].metrics["replicas_running"].verdict == "worse"


def test_prices_move_the_cost_and_nothing_else(answers: dict[str, ScenarioResult]) -> None:
    base, dear = answers["baseline"], answers["price=1.5x"]
    assert dear.cost.monthly_usd == pytest.approx(1.5 * base.cost.monthly_usd)
    tokens = "usd_per_million_output_tokens"
    assert dear.metrics[tokens].value.mean == pytest.approx(1.5 * base.metrics[tokens].value.mean)
    assert {metric.verdict for name, metric in dear.metrics.items() if name != tokens} <= {"not distinguishable", None}


def test_scarce_spot_makes_prod_cheaper_and_leaves_serving_alone(answers: dict[str, ScenarioResult]) -> None:
    base, scarce = answers["baseline"], answers["spot=0.7"]
    spot = sum(pool.monthly_usd or 0 for pool in base.cost.pools if pool.purchase == "spot")
    assert base.cost.monthly_usd - scarce.cost.monthly_usd == pytest.approx(0.3 * spot)
    assert scarce.replicas_running == 3


def test_another_gpu_has_its_own_price_and_speed(answers: dict[str, ScenarioResult]) -> None:
    other = {pool.name: pool for pool in answers["gpu=A100-80GB"].cost.pools}["serving-h100"]
    assert (other.instance_type, other.usd_per_hour) == ("p4de.24xlarge", 27.44705)
    assert answers["gpu=A100-80GB"].metrics["p95_tpot_ms"].verdict == "worse"


def test_the_document_is_json_and_starts_with_the_baseline(answers: dict[str, ScenarioResult]) -> None:
    document = WhatIf.model_validate({"environment": "prod", "scenarios": tuple(answers.values())})
    found = json.loads(to_text(document))["scenarios"]
    assert found[0]["name"] == "baseline"
    assert found[0]["metrics"]["p95_ttft_ms"]["n"] == answers["baseline"].replications


def test_the_guide_shows_what_the_program_prints(prod: Any, graph: Any) -> None:
    """The table and the notes of docs/guides/what-if.md; to rewrite them: ``COLUMNS=130`` before the command that stands above them."""
    asked = [parse_scenario(text) for text in ("traffic=2x", "spot=0.7", "zone-lost=us-east-1b")]
    door = gateway_of(graph, prod)
    assert door is not None
    results = run(graph, prod, asked, calibration_for=speed, price_book=PriceBook.bundled(), gateway=model_of(door, 1))
    console = Console(file=io.StringIO(), width=130, highlight=False)
    show_whatif(WhatIf.model_validate({"environment": "prod", "scenarios": results}), console)
    assert isinstance(console.file, io.StringIO)
    printed = "\n".join(line.rstrip() for line in console.file.getvalue().strip().splitlines())
    guide = (ROOT / "docs" / "guides" / "what-if.md").read_text(encoding="utf-8")
    assert f"```\n{printed}\n```" in guide
