"""Among the nodes that a pod fits on, the best ones are those of kube-scheduler's default scores."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from simulations.cluster import best_nodes
from stacks.graph.capacity import nodes
from stacks.graph.demand import workloads

ZONE = "topology.kubernetes.io/zone"


def best(graph: Any, name: str = "ai", **placed: str) -> set[str]:
    kinds = workloads(graph)
    (workload,) = (w for w in kinds if w.resource.object_name == name)
    here = {f"ai/{pod.replace('_', '-')}": node.replace("_", "-") for pod, node in placed.items()}
    return set(best_nodes(workload, kinds, nodes(graph), here))


def preferring(kind: str, term: dict[str, Any]) -> dict[str, Any]:
    return {"affinity": {kind: {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 50, **term}]}}}


def near(app: str, key: str) -> dict[str, Any]:
    return {"podAffinityTerm": {"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}}}


def spread(key: str) -> dict[str, Any]:
    rule = {"topologyKey": key, "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {"matchLabels": {"app": "ai"}}}
    return {"topologySpreadConstraints": [rule]}


@pytest.fixture
def fleet(build: Any) -> list[Any]:
    return [build.node(f"n-{i}", "gpu", zone, cpu=1000) for i, zone in enumerate("aab")]


def test_equal_nodes_are_equally_good(build: Any, fleet: list[Any]) -> None:
    assert best(build.graph(*fleet, build.deployment("ai", 4, "gpu"))) == {"n-0", "n-1", "n-2"}


def test_pods_spread_over_zones_and_nodes_without_being_asked(build: Any, fleet: list[Any]) -> None:
    graph = build.graph(*fleet, build.deployment("ai", 4, "gpu"))
    assert best(graph, ai_0="n_0") == {"n-2"}
    assert best(graph, ai_0="n_0", ai_1="n_2", ai_2="n_2") == {"n-1"}


def test_a_stated_constraint_replaces_the_default_ones(build: Any, fleet: list[Any]) -> None:
    graph = build.graph(*fleet, build.deployment("ai", 4, "gpu", pod_spec=spread(ZONE)))
    assert best(graph, ai_0="n_2") == {"n-0", "n-1"}


def test_the_emptiest_node_is_best_among_strangers(build: Any) -> None:
    fleet = [build.node(name, "gpu", "a", cpu=cpu) for name, cpu in (("small", 4), ("large", 64))]
    assert best(build.graph(*fleet, build.deployment("ai", 1, "gpu"))) == {"large"}


@pytest.mark.parametrize(("kind", "expected"), [("podAffinity", {"n-0", "n-1"}), ("podAntiAffinity", {"n-2"})])
def test_preferred_company_and_distance(build: Any, fleet: list[Any], kind: str, expected: set[str]) -> None:
    graph = build.graph(
        *fleet, build.deployment("ai", 1, "gpu", pod_spec=preferring(kind, near("web", ZONE))), build.deployment("web", 1, "gpu")
    )
    found = best(graph, web_0="n_0")
    assert found <= expected
    assert found


def test_running_pods_wishes_count_too(build: Any, fleet: list[Any]) -> None:
    shy = build.deployment("web", 1, "gpu", pod_spec=preferring("podAntiAffinity", near("ai", ZONE)))
    assert best(build.graph(*fleet, build.deployment("ai", 1, "gpu"), shy), web_0="n_0") == {"n-2"}


def test_a_soft_taint_costs_more_than_a_wish_for_the_node_brings(build: Any) -> None:
    liked = preferring("nodeAffinity", {"preference": {"matchExpressions": [{"key": ZONE, "operator": "In", "values": ["a"]}]}})
    wishing = build.deployment("ai", 1, "gpu", pod_spec=liked)
    in_a, in_b = (build.node(f"in-{zone}", "gpu", zone) for zone in "ab")
    assert best(build.graph(in_a, in_b, wishing)) == {"in-a"}
    soft = {"taints": [{"key": "spot", "value": "yes", "effect": "PreferNoSchedule"}]}
    assert best(build.graph(replace(in_a, inputs={**in_a.inputs, "spec": soft}), in_b, wishing)) == {"in-b"}


def test_no_room_is_no_node(build: Any) -> None:
    assert not best(build.graph(build.node("n-0", "gpu", "a", cpu=0), build.deployment("ai", 1, "gpu")))
