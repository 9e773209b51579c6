"""Spreading and pod affinity decide as kube-scheduler's filters do."""

from __future__ import annotations

from typing import Any

import pytest

from simulations.cluster import place
from stacks.graph.capacity import nodes
from stacks.graph.demand import workloads

HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
BY_EXPRESSION = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["ai", "old"]}]}


def placed(graph: Any, **how: Any) -> Any:
    return place(workloads(graph), nodes(graph), autoscale=False, **how)


def affinity(kind: str, selector: Any, key: str = HOST, **term: Any) -> dict[str, Any]:
    rule = {"topologyKey": key, "labelSelector": selector, **term}
    return {"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [rule]}}}


def spread(selector: Any, key: str = ZONE, **constraint: Any) -> dict[str, Any]:
    rule = {"topologyKey": key, "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector, **constraint}
    return {"topologySpreadConstraints": [rule]}


@pytest.fixture
def fleet(build: Any) -> list[Any]:
    return [build.node(f"gpu-{i}", "gpu", zone, cpu=1000) for i, zone in enumerate("ab")]


@pytest.mark.parametrize(
    ("selector", "waiting"),
    [
        (BY_EXPRESSION, {"ai/ai-2"}),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["ai"]}]}, set()),
        ({"matchExpressions": [{"key": "colour", "operator": "DoesNotExist"}]}, {"ai/ai-2"}),
        ({}, {"ai/ai-2"}),
        (None, set()),
    ],
)
def test_anti_affinity_reads_its_whole_selector(build: Any, fleet: list[Any], selector: Any, waiting: set[str]) -> None:
    graph = build.graph(*fleet, build.deployment("ai", 3, "gpu", pod_spec=affinity("podAntiAffinity", selector)))
    assert set(placed(graph).waiting) == waiting


def test_anti_affinity_binds_workloads_that_come_later(build: Any, fleet: list[Any]) -> None:
    # `web` names nobody, but `ai` does not want it near; pods are taken by label, `ai` first.
    shy = affinity("podAntiAffinity", {"matchLabels": {"app": "web"}})
    graph = build.graph(*fleet, build.deployment("ai", 1, "gpu", pod_spec=shy), build.deployment("web", 2, "gpu"))
    assert dict(placed(graph).node_of) == {"ai/ai-0": "gpu-0", "ai/web-0": "gpu-1", "ai/web-1": "gpu-1"}


def test_a_node_without_the_topology_key_keeps_nobody_apart(build: Any, fleet: list[Any]) -> None:
    graph = build.graph(*fleet, build.deployment("ai", 3, "gpu", pod_spec=affinity("podAntiAffinity", {}, "example.org/rack")))
    assert not placed(graph).waiting


def test_affinity_wants_company_and_the_first_of_its_own_kind_starts_it(build: Any, fleet: list[Any]) -> None:
    together = affinity("podAffinity", BY_EXPRESSION)
    graph = build.graph(*fleet, build.deployment("ai", 3, "gpu", pod_spec=together))
    assert set(placed(graph).node_of.values()) == {"gpu-0"}
    # Another workload's pods are nobody's company while there are none of the selected.
    graph = build.graph(*fleet, build.deployment("web", 1, "gpu", pod_spec=together))
    assert dict(placed(graph).waiting) == {"ai/web-0": "spreading or affinity leaves no node"}
    # No node has such a key, so the first pod has nowhere to start.
    graph = build.graph(*fleet, build.deployment("ai", 1, "gpu", pod_spec=affinity("podAffinity", BY_EXPRESSION, "example.org/rack")))
    assert set(placed(graph).waiting) == {"ai/ai-0"}


def test_affinity_looks_into_the_namespaces_that_it_names(build: Any, fleet: list[Any]) -> None:
    def after(**term: Any) -> set[str]:
        near = build.deployment("web", 1, "gpu", pod_spec=affinity("podAntiAffinity", {}, ZONE, **term))
        near.inputs["metadata"]["namespace"] = "web"  # type: ignore[index]
        return set(placed(build.graph(*fleet, build.deployment("ai", 2, "gpu"), near)).waiting)

    assert after() == set(), "its own namespace, where nobody else is"
    assert after(namespaces=["ai"]) == {"web/web-0"}
    assert after(namespaceSelector={}) == {"web/web-0"}
    assert after(namespaceSelector={"matchLabels": {"kubernetes.io/metadata.name": "ai"}}) == {"web/web-0"}
    assert after(namespaceSelector={"matchLabels": {"team": "blue"}}) == set()


def tainted(build: Any, name: str, zone: str) -> Any:
    node = build.node(name, "gpu", zone)
    node.inputs["spec"]["taints"] = [{"key": "dedicated", "effect": "NoSchedule"}]
    return node


def test_a_zone_of_tainted_nodes_counts_as_an_empty_domain(build: Any, fleet: list[Any]) -> None:
    nodes_ = [*fleet, tainted(build, "gpu-2", "c")]
    graph = build.graph(*nodes_, build.deployment("ai", 4, "gpu", pod_spec=spread(BY_EXPRESSION)))
    assert set(placed(graph).waiting) == {"ai/ai-2", "ai/ai-3"}
    honours = spread(BY_EXPRESSION, nodeTaintsPolicy="Honor")
    assert not placed(build.graph(*nodes_, build.deployment("ai", 4, "gpu", pod_spec=honours))).waiting


def test_nodes_that_the_pod_does_not_select_are_no_domains_unless_it_says_so(build: Any, fleet: list[Any]) -> None:
    nodes_ = [*fleet, build.node("cpu-0", "cpu", "c")]
    assert not placed(build.graph(*nodes_, build.deployment("ai", 4, "gpu", pod_spec=spread(BY_EXPRESSION)))).waiting
    ignores = spread(BY_EXPRESSION, nodeAffinityPolicy="Ignore")
    assert set(placed(build.graph(*nodes_, build.deployment("ai", 4, "gpu", pod_spec=ignores))).waiting) == {"ai/ai-2", "ai/ai-3"}


@pytest.mark.parametrize(
    ("constraint", "waiting"),
    [
        ({"minDomains": 3}, {"ai/ai-2", "ai/ai-3"}),
        ({"maxSkew": 2, "minDomains": 3}, set()),
        ({"topologyKey": "example.org/rack"}, {f"ai/ai-{i}" for i in range(4)}),
        ({"whenUnsatisfiable": "ScheduleAnyway", "topologyKey": "example.org/rack"}, set()),
        ({"labelSelector": None, "minDomains": 3}, set()),
    ],
)
def test_what_a_spread_constraint_leaves(build: Any, fleet: list[Any], constraint: Any, waiting: set[str]) -> None:
    rule = spread(**{"selector": BY_EXPRESSION, **constraint} if "labelSelector" not in constraint else {"selector": None, "minDomains": 3})
    graph = build.graph(*fleet, build.deployment("ai", 4, "gpu", pod_spec=rule))
    assert set(placed(graph).waiting) == waiting


def test_the_pods_of_other_workloads_count_where_the_selector_names_them(build: Any, fleet: list[Any]) -> None:
    everyone = {"matchExpressions": [{"key": "app", "operator": "Exists"}]}
    pinned = {"nodeSelector": {ZONE: "a"}}
    # Three pods in zone a, so that three more must go to zone b before the skew allows another in zone a.
    graph = build.graph(
        *fleet, build.deployment("ai", 3, "gpu", pod_spec=pinned), build.deployment("web", 3, "gpu", pod_spec=spread(everyone))
    )
    assert [node for pod, node in placed(graph).node_of.items() if pod.startswith("ai/web")] == ["gpu-1"] * 3


def test_pods_of_a_revision_are_those_of_the_workload(build: Any, fleet: list[Any]) -> None:
    everyone = {"matchExpressions": [{"key": "app", "operator": "Exists"}]}
    rule = spread(everyone, matchLabelKeys=["pod-template-hash"])
    graph = build.graph(
        *fleet, build.deployment("ai", 3, "gpu", pod_spec={"nodeSelector": {ZONE: "a"}}), build.deployment("web", 2, "gpu", pod_spec=rule)
    )
    assert sorted(node for pod, node in placed(graph).node_of.items() if pod.startswith("ai/web")) == ["gpu-0", "gpu-1"]


def test_a_node_takes_no_more_pods_than_it_says(build: Any) -> None:
    node = build.node("gpu-0", "gpu", "a")
    node.inputs["metadata"]["annotations"]["sandtable.dev/capacity-pods"] = "2"
    graph = build.graph(node, build.deployment("ai", 3, "gpu"))
    assert dict(placed(graph).waiting) == {"ai/ai-2": "the 1 nodes of gpu have as many pods as they take"}
