"""Which pods find room where, who is pushed out and when a pool grows."""

from __future__ import annotations

from typing import Any

import pytest

from simulations.cluster import place
from simulations.cluster.placement import _Placing
from stacks.graph.capacity import nodes
from stacks.graph.demand import Workload, workloads


def placed(graph: Any, **how: Any) -> Any:
    return place(workloads(graph), nodes(graph), **how)


def test_replicas_are_spread_over_zones_then_nodes_then_names(build: Any) -> None:
    fleet = [build.node(f"gpu-{i}", "gpu", zone) for i, zone in enumerate("abca")]
    after = placed(build.graph(*fleet, build.deployment("ai", 5, "gpu")))
    assert list(after.node_of.values()) == ["gpu-0", "gpu-1", "gpu-2", "gpu-3", "gpu-1"]


def test_a_pod_without_room_waits_with_a_reason(build: Any) -> None:
    graph = build.graph(build.node("gpu-0", "gpu", "a", gpu=2, high=1), build.deployment("ai", 3, "gpu"))
    assert dict(placed(graph).waiting) == {"ai/ai-2": "not enough GPUs on the 1 nodes of gpu"}


def test_the_reason_tells_lost_nodes_from_none_at_all(build: Any) -> None:
    graph = build.graph(build.node("gpu-0", "gpu", "a"), build.deployment("ai", 1, "gpu"), build.deployment("odd", 1, "cpu"))
    after = placed(graph, lost={"gpu-0"}, closed={("gpu", "a")})
    assert after.waiting["ai/ai-0"] == "every node that would take it is away"
    assert after.waiting["ai/odd-0"] == "no node has the labels it selects and taints it tolerates"


def test_a_pool_grows_to_its_bound_and_no_further(build: Any) -> None:
    graph = build.graph(build.node("gpu-0", "gpu", "a", gpu=1, high=2), build.deployment("ai", 3, "gpu"))
    after = placed(graph)
    assert [node.name for node in after.added] == ["gpu-added-0"]
    assert set(after.waiting) == {"ai/ai-2"}
    assert placed(graph, autoscale=False).added == ()


def test_a_pool_grows_in_its_emptiest_open_zone(build: Any) -> None:
    fleet = [build.node(f"gpu-{i}", "gpu", zone, gpu=1) for i, zone in enumerate("ab")]
    graph = build.graph(*fleet, build.deployment("ai", 4, "gpu"))
    assert [node.zone for node in placed(graph).added] == ["a", "b"]
    assert [node.zone for node in placed(graph, closed={("gpu", "a")}).added] == ["b", "b"]


def test_serving_pushes_training_out_and_training_nobody(build: Any) -> None:
    classes = [build.priority("serving", 100), build.priority("training", 10)]
    node = build.node("gpu-0", "gpu", "a", gpu=2, high=1)
    training = build.deployment("train", 2, "gpu", priority="training")
    before = placed(build.graph(*classes, node, training))
    graph = build.graph(*classes, node, training, build.deployment("ai", 1, "gpu", priority="serving"))
    after = placed(graph, staying=before.node_of)
    assert set(after.node_of) == {"ai/ai-0", "ai/train-1"}
    assert set(after.waiting) == {"ai/train-0"}
    # The other way round nothing moves.
    serving = placed(build.graph(*classes, node, build.deployment("ai", 2, "gpu", priority="serving")))
    graph = build.graph(*classes, node, build.deployment("ai", 2, "gpu", priority="serving"), training)
    assert set(placed(graph, staying=serving.node_of).waiting) == {"ai/train-0", "ai/train-1"}


def test_a_class_that_evicts_nobody_waits(build: Any) -> None:
    classes = [build.priority("batch", 100, policy="Never"), build.priority("training", 10)]
    node, training = build.node("gpu-0", "gpu", "a", gpu=1, high=1), build.deployment("train", 1, "gpu", priority="training")
    staying = placed(build.graph(*classes, node, training)).node_of
    graph = build.graph(*classes, node, training, build.deployment("bulk", 1, "gpu", priority="batch"))
    assert set(placed(graph, staying=staying).waiting) == {"ai/bulk-0"}


def test_pods_stay_where_they_are_while_their_node_stays(build: Any) -> None:
    fleet = [build.node(f"gpu-{i}", "gpu", zone) for i, zone in enumerate("ab")]
    graph = build.graph(*fleet, build.deployment("ai", 2, "gpu"))
    assert dict(placed(graph, staying={"ai/ai-0": "gpu-1", "ai/ai-1": "gpu-1"}).node_of) == {"ai/ai-0": "gpu-1", "ai/ai-1": "gpu-1"}
    assert set(placed(graph, staying={"ai/ai-0": "gpu-1"}, lost={"gpu-1"}).node_of.values()) == {"gpu-0"}


def test_hard_spreading_and_anti_affinity_are_kept(build: Any) -> None:
    fleet = [build.node(f"gpu-{i}", "gpu", zone, high=2) for i, zone in enumerate("ab")]
    own = {"matchLabels": {"app": "ai"}}
    apart = {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "kubernetes.io/hostname", "labelSelector": own}]
        }
    }
    graph = build.graph(*fleet, build.deployment("ai", 3, "gpu", pod_spec={"affinity": apart}))
    assert dict(placed(graph).waiting) == {"ai/ai-2": "spreading or affinity leaves no node"}
    even = [{"topologyKey": "topology.kubernetes.io/zone", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": own}]
    fleet[0] = build.node("gpu-0", "gpu", "a", gpu=1, high=2)
    graph = build.graph(*fleet, build.deployment("ai", 4, "gpu", pod_spec={"topologySpreadConstraints": even}))
    # One fits in zone a, so at most two may be in zone b.
    assert sorted(placed(graph).node_of.values()) == ["gpu-0", "gpu-1", "gpu-1"]


def test_the_result_does_not_depend_on_the_order_of_the_graph(build: Any) -> None:
    parts = [build.node(f"gpu-{i}", "gpu", zone) for i, zone in enumerate("ab")] + [build.deployment(n, 3, "gpu") for n in ("x", "y")]
    assert placed(build.graph(*parts)) == placed(build.graph(*reversed(parts)))


def test_gpus_are_counted_over_nodes_and_placed_pods(build: Any) -> None:
    graph = build.graph(build.node("gpu-0", "gpu", "a", gpu=4, high=1), build.deployment("ai", 5, "gpu"))
    after = placed(graph)
    assert (after.gpus(), after.gpus_requested(workloads(graph))) == (4, 4)


def test_one_refusal_stands_for_all_pods_of_a_workload_until_another_gets_a_place(build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    why = _Placing._why

    def counted(self: _Placing, workload: Workload) -> str:
        asked.append(workload.label)
        return why(self, workload)

    monkeypatch.setattr(_Placing, "_why", counted)
    node = build.node("gpu-0", "gpu", "a", gpu=2, high=1)
    after = placed(build.graph(node, build.deployment("ai", 5_000, "gpu"), build.deployment("odd", 300, "cpu")))
    assert asked == ["Deployment ai/ai", "Deployment ai/odd"]
    assert len(after.waiting) == 4_998 + 300
    assert after.waiting["ai/ai-2"] == after.waiting["ai/ai-4999"] == "not enough GPUs on the 1 nodes of gpu"
