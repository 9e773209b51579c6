"""The search for the cheapest configuration, on the twin itself."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from sandtable.jobs.capacity.search import search
from sandtable.jobs.whatif import Stack
from sandtable.terminal import Steps
from sandtable.workspace import Workspace
from simulations.calibration.speeds import Speeds
from simulations.capacity import Search, largest_rate
from simulations.deployed import DeployedEngines
from simulations.whatif.inquiry import last_result
from stacks.environment import Budget, Environment, Lengths, Traffic
from stacks.environment.thresholds import Threshold
from stacks.graph import Graph, Resource
from stacks.pricing.prices import PriceBook

LIMITS = [Threshold("p95_e2e_ms < 2500"), Threshold("failed_share < 0.01")]


def node(name: str, zone: str) -> Resource:
    """A machine with one L40S, of a pool of three that may grow to four."""
    own = {
        "sandtable.dev/pool": "gpu",
        "sandtable.dev/purchase": "on-demand",
        "topology.kubernetes.io/zone": zone,
        "topology.kubernetes.io/region": "us-east-1",
        "nvidia.com/gpu.product": "L40S",
    }
    said = {
        "sandtable.dev/price": "aws/us-east-1/g6e.xlarge",
        "sandtable.dev/pool-min": "3",
        "sandtable.dev/pool-max": "4",
        "sandtable.dev/capacity-cpu": "4",
        "sandtable.dev/capacity-memory": "32Gi",
        "sandtable.dev/capacity-gpu": "1",
    }
    inputs = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": own, "annotations": said}, "spec": {}}
    return Resource(f"urn:{name}", "kubernetes:core/v1:Node", name, inputs=inputs)


def engines() -> Resource:
    asks = {"requests": {"cpu": "2", "memory": "8Gi", "nvidia.com/gpu": 1}}
    container = {"name": "engine", "args": ["--slots=8", "--context-tokens=1024"], "resources": asks}
    pods = {"metadata": {"labels": {"app": "ai", "sandtable.dev/role": "engine"}}, "spec": {"containers": [container]}}
    inputs = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "ai", "namespace": "ai"},
        "spec": {"replicas": 3, "template": pods},
    }
    return Resource("urn:ai", "kubernetes:apps/v1:Deployment", "ai", inputs=inputs)


@pytest.fixture(scope="module")
def stack() -> Stack:
    lengths = Lengths(distribution="constant", mean=96, low=8, high=768)
    answers = Lengths(distribution="constant", mean=48, low=2, high=128)
    traffic = Traffic(arrivals="poisson", rate_per_s=6.0, prompt_tokens=lengths, output_tokens=answers, duration_s=60, seed=1)
    environment = Environment(name="t", owner="o", cost_centre="c", traffic=traffic, budget=Budget())
    graph = Graph.of([*(node(f"gpu-{index}", f"us-east-1{zone}") for index, zone in enumerate("abc")), engines()], "test")
    space, steps = Workspace(Path()), Steps(quiet=True)
    return Stack(environment, graph, PriceBook.bundled(), space, steps, Speeds(DeployedEngines.from_graph(graph), None), None, {})


@pytest.fixture(scope="module")
def found(stack: Stack) -> Search:
    return search(stack, LIMITS, 1, 4000.0, lambda asked: [last_result(one) for one in asked])


def test_the_cheapest_is_confirmed_and_nothing_cheaper_that_was_tried_holds(found: Search) -> None:
    assert found.best is not None
    assert (found.best.full, found.best.holds) == (True, True)
    assert not any(one.holds and one.full and one.monthly_usd < found.best.monthly_usd for one in found.tried)
    assert found.best.monthly_usd <= 4000
    assert all(one.full for one in found.front)


def test_every_configuration_is_simulated_or_has_a_reason(found: Search) -> None:
    assert found.space > 200
    by_spot = sum(number for reason, number in found.settled.items() if reason.startswith("spot nodes"))
    assert found.space == len(found.tried) + sum(found.settled.values())
    assert by_spot == 2 * found.space / 3
    assert len(found.tried) < 0.1 * found.space


def test_spot_nodes_save_money_at_a_risk(found: Search) -> None:
    assert found.spot
    assert found.best is not None
    assert all(one.monthly_usd < found.best.monthly_usd and 0 < one.risk < 1 for one in found.spot)
    assert all(any(tried.configuration.replicas == one.needed and tried.full for tried in found.tried) for one in found.spot)


def test_the_largest_rate_is_found_on_the_twin(stack: Stack) -> None:
    from sandtable.jobs.capacity.configurations import at_rate

    def run(factors: Any, full: bool) -> Any:
        return [last_result(at_rate(stack, factor, 1, 3 if full else 1)) for factor in factors]

    largest = largest_rate(run, LIMITS)
    assert largest.factor > 1
    assert math.isfinite(largest.broken_factor)
    assert all(one.holds for one in largest.at_factor)
