"""From lost nodes to replicas that are down, with the delays of a recovery."""

from __future__ import annotations

import math
from typing import Any

import pytest

from simulations.failures import UnknownPlaceError, node_lost, play, zone_lost
from stacks.graph.capacity import nodes
from stacks.graph.demand import workloads


def lost_zone(graph: Any, zone: str, horizon_s: float = 1000.0) -> Any:
    found = nodes(graph)
    return play(workloads(graph), found, zone_lost(found, zone, at_s=100.0), horizon_s=horizon_s)


def fleet(build: Any, **changes: Any) -> list[Any]:
    return [build.node(f"gpu-{i}", "gpu", zone, **changes) for i, zone in enumerate("abc")]


def test_a_lost_zone_takes_its_replicas_and_no_others(build: Any) -> None:
    effects = lost_zone(build.graph(*fleet(build), build.deployment("ai", 3, "gpu", engine=True)), "b")
    assert [(o.replica, o.start_s) for o in effects.outages] == [("ai/ai-1", 100.0)]


def test_where_another_node_has_room_a_replica_is_back_after_notice_toleration_and_start(build: Any) -> None:
    effects = lost_zone(build.graph(*fleet(build), build.deployment("ai", 3, "gpu", engine=True)), "b")
    assert effects.outages[0].end_s == 100 + 50 + 300 + 60
    assert effects.down_s("ai/ai-1", 1000) == 410


def test_the_pods_own_toleration_counts(build: Any) -> None:
    soon = {
        "tolerations": [{"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 10}]
    }
    effects = lost_zone(build.graph(*fleet(build), build.deployment("ai", 3, "gpu", engine=True, pod_spec=soon)), "b")
    assert effects.outages[0].end_s == 100 + 50 + 10 + 60


def test_a_node_that_must_be_added_takes_longer(build: Any) -> None:
    effects = lost_zone(build.graph(*fleet(build, gpu=1, high=3), build.deployment("ai", 3, "gpu", engine=True)), "b")
    assert effects.outages[0].end_s == 100 + 50 + 300 + 300 + 60
    assert [node.zone for node in effects.last.added] == ["a"]


def test_without_room_anywhere_a_replica_stays_down(build: Any) -> None:
    graph = build.graph(build.node("gpu-0", "gpu", "a"), build.deployment("ai", 1, "gpu", engine=True))
    effects = lost_zone(graph, "a")
    assert effects.outages[0].end_s == math.inf
    assert set(effects.last.waiting) == {"ai/ai-0"}


def test_a_replica_without_a_node_from_the_start_is_down_from_the_start(build: Any) -> None:
    graph = build.graph(build.node("gpu-0", "gpu", "a", gpu=1, high=1), build.deployment("ai", 2, "gpu", engine=True))
    effects = play(workloads(graph), nodes(graph), (), horizon_s=10)
    assert [(o.replica, o.start_s, o.end_s) for o in effects.outages] == [("ai/ai-1", 0, math.inf)]


def test_a_serving_replica_is_saved_by_pushing_training_out(build: Any) -> None:
    graph = build.graph(
        build.priority("serving", 100),
        build.priority("training", 10),
        *fleet(build, gpu=1, high=3),
        build.deployment("ai", 1, "gpu", engine=True, priority="serving"),
        build.deployment("train", 2, "gpu", priority="training"),
    )
    effects = lost_zone(graph, "a")
    assert [(o.replica, o.end_s) for o in effects.outages] == [("ai/ai-0", 510.0)]


def test_one_node_of_a_pool_is_lost(build: Any) -> None:
    graph = build.graph(*fleet(build), build.deployment("ai", 3, "gpu", engine=True))
    found = nodes(graph)
    effects = play(workloads(graph), found, node_lost(found, "gpu", at_s=5.0), horizon_s=10)
    assert [o.replica for o in effects.outages] == ["ai/ai-0"]


def test_a_node_is_lost_by_its_own_name(build: Any) -> None:
    graph = build.graph(*fleet(build), build.deployment("ai", 3, "gpu", engine=True))
    found = nodes(graph)
    assert [one.node for one in node_lost(found, "gpu-1", at_s=5.0)] == ["gpu-1"]
    effects = play(workloads(graph), found, node_lost(found, "gpu-1", at_s=5.0), horizon_s=10)
    assert [o.replica for o in effects.outages] == ["ai/ai-1"]


def test_a_place_that_is_not_there_is_named_with_the_nearest(build: Any) -> None:
    found = nodes(build.graph(*(build.node(f"n-{z}", "gpu", f"eu-north-1{z}") for z in "ab")))
    with pytest.raises(UnknownPlaceError, match=r"zone 'eu-north-1c'; the graph's nodes are in eu-north-1a, eu-north-1b. Did you mean"):
        zone_lost(found, "eu-north-1c", at_s=0)
    with pytest.raises(UnknownPlaceError, match="pool 'cpu'; the graph's nodes are in gpu"):
        node_lost(found, "cpu", at_s=0)
    with pytest.raises(UnknownPlaceError, match="the graph has no nodes"):
        zone_lost((), "a", at_s=0)
