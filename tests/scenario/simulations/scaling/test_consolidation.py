"""Nodes that autoscalers added go again by the rule of their pool, and their pods start elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest

from simulations.cluster import place
from simulations.failures import Delays
from simulations.scaling.consolidation import UNNEEDED, Consolidation, consolidations
from simulations.scaling.running.fleet import Fleet
from stacks.errors import ConfigurationError
from stacks.graph import Graph, Resource
from stacks.graph.capacity import nodes
from stacks.graph.demand import workloads

A, B = "Deployment ai/a", "Deployment ai/b"
DELAYS = Delays(provision_s=40, start_s=20)


def fleet(build: Any, rules: Mapping[str, Consolidation]) -> Fleet:
    """One node with room for two engines, which one of each Deployment fills."""
    engines = [build.deployment(name, 1, "gpu", engine=True) for name in "ab"]
    graph = build.graph(build.node("gpu-0", "gpu", "a", gpu=2, low=1, high=4), *engines)
    found, there = workloads(graph), nodes(graph)
    return Fleet(found, there, place(found, there), DELAYS, lost=(), rules=rules)


def b_alone_on_an_added_node(build: Any, rules: Mapping[str, Consolidation]) -> Fleet:
    """From 100 s on the second b is on a node of its own, and there is room for it where the first a was."""
    ours = fleet(build, rules)
    ours.scale(0.0, B, 2)
    ours.consolidate(15.0)
    ours.scale(100.0, A, 0)
    return ours


def test_a_node_whose_pods_fit_elsewhere_goes_and_they_start_there_again(build: Any) -> None:
    ours = b_alone_on_an_added_node(build, {"gpu": Consolidation(60.0, underused=True)})
    assert ours.consolidate(45.0) == []
    (old, workload), *others = ours.consolidate(120.0)
    assert (old.name, old.end_s, workload.label, others) == ("ai/b-1", 120.0, B, [])
    (node,) = ours.record.nodes
    assert (node.added_s, node.removed_s) == (0.0, 120.0)
    again = ours.live["ai/b-1"]
    assert (again.name, again.placed_s, again.ready_s) == ("ai/b-1 (2)", 120.0, 140.0)
    assert ours.consolidate(500.0) == []


@pytest.mark.parametrize("rules", [{}, {"gpu": Consolidation(60.0)}, {"gpu": Consolidation(math.inf, underused=True)}])
def test_a_node_with_pods_stays_unless_its_pool_says_otherwise(build: Any, rules: Mapping[str, Consolidation]) -> None:
    ours = b_alone_on_an_added_node(build, rules)
    assert [ours.consolidate(at_s) for at_s in (120.0, 900.0)] == [[], []]
    assert ours.record.nodes[0].removed_s == math.inf


def test_pods_that_fit_nowhere_else_keep_their_node(build: Any) -> None:
    ours = fleet(build, {"gpu": Consolidation(0.0, underused=True)})
    ours.scale(0.0, B, 2)
    assert [ours.consolidate(at_s) for at_s in (15.0, 900.0)] == [[], []]


def test_a_pod_that_still_starts_is_left_alone(build: Any) -> None:
    ours = b_alone_on_an_added_node(build, {"gpu": Consolidation(0.0, underused=True)})
    ours.scale(110.0, A, 2)  # one fits where the first was, the other beside b-1
    ours.consolidate(115.0)
    assert ours.consolidate(120.0) == []


@pytest.mark.parametrize(("rules", "after_s"), [({}, UNNEEDED.after_s), ({"gpu": Consolidation(30.0)}, 30.0)])
def test_an_empty_node_goes_after_the_delay_of_its_pool(build: Any, rules: Mapping[str, Consolidation], after_s: float) -> None:
    ours = fleet(build, rules)
    ours.scale(0.0, B, 2)
    ours.scale(50.0, B, 1)
    for at_s in (60.0, 60.0 + after_s - 1):
        ours.consolidate(at_s)
        assert ours.record.nodes[0].removed_s == math.inf
    ours.consolidate(60.0 + after_s)
    assert ours.record.nodes[0].removed_s == 60.0 + after_s


def test_a_node_with_the_name_of_one_that_is_gone_has_its_whole_delay(build: Any) -> None:
    ours = fleet(build, {"gpu": Consolidation(30.0)})
    for begun_s in (0.0, 100.0):
        ours.scale(begun_s, B, 2)
        ours.scale(begun_s + 10.0, B, 1)
        ours.consolidate(begun_s + 20.0)
        ours.consolidate(begun_s + 50.0)
    first, second = ours.record.nodes
    assert first.node.name == second.node.name
    assert (first.removed_s, second.removed_s) == (50.0, 150.0)


def node_pool(disruption: Any, labels: Any = None) -> Graph:
    template = {"metadata": {"labels": labels or {}}}
    inputs = {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": "gpu"},
        "spec": {"template": template, "disruption": disruption},
    }
    return Graph.of([Resource("urn:pool", "pool", "gpu", inputs=inputs)], "test")


@pytest.mark.parametrize(
    ("disruption", "rule"),
    [
        ({"consolidationPolicy": "WhenEmpty", "consolidateAfter": "15m"}, Consolidation(900.0)),
        ({"consolidationPolicy": "WhenEmptyOrUnderutilized", "consolidateAfter": "1m30s"}, Consolidation(90.0, underused=True)),
        ({"consolidationPolicy": "WhenEmpty", "consolidateAfter": "Never"}, Consolidation(math.inf)),
        ({}, Consolidation(0.0, underused=True)),  # Karpenter's defaults
    ],
)
def test_the_rule_is_read_from_karpenters_pool(disruption: Any, rule: Consolidation) -> None:
    assert consolidations(node_pool(disruption)) == {"gpu": rule}
    assert consolidations(node_pool(disruption, {"sandtable.dev/pool": "serving"})) == {"serving": rule}


@pytest.mark.parametrize(
    ("disruption", "why"),
    [
        ({"consolidationPolicy": "Sometimes"}, "consolidationPolicy: 'Sometimes'"),
        ({"consolidateAfter": "soon"}, "'soon' is neither a duration"),
        (["WhenEmpty"], "disruption is not an object"),
    ],
)
def test_a_rule_that_karpenter_has_not_is_refused(disruption: Any, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        consolidations(node_pool(disruption))
