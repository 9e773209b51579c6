"""Which nodes a consolidating autoscaler leaves."""

from __future__ import annotations

from typing import Any

from simulations.cluster.consolidation import needed_nodes
from stacks.graph.capacity import nodes
from stacks.graph.demand import workloads


def left(graph: Any, **how: Any) -> list[str]:
    return [node.name for node in needed_nodes(workloads(graph), nodes(graph), **how)]


def test_nodes_that_no_pod_would_miss_go_down_to_the_minimum(build: Any) -> None:
    def fleet(low: int) -> Any:
        return build.graph(*(build.node(f"gpu-{i}", "gpu", "a", gpu=2, low=low) for i in range(4)), build.deployment("ai", 3, "gpu"))

    assert len(left(fleet(1))) == 2
    assert len(left(fleet(3))) == 3
    assert len(left(fleet(3), keep_minimum=False)) == 2


def test_a_pod_that_has_no_node_anyway_keeps_none(build: Any) -> None:
    fleet = [build.node(f"gpu-{i}", "gpu", "a", gpu=2, low=0, high=2) for i in range(2)]
    assert len(left(build.graph(*fleet, build.deployment("ai", 9, "gpu")))) == 2


def test_nodes_that_a_pool_would_add_are_part_of_what_is_needed(build: Any) -> None:
    graph = build.graph(build.node("gpu-0", "gpu", "a", gpu=1, high=3), build.deployment("ai", 3, "gpu"))
    assert left(graph) == ["gpu-0", "gpu-added-0", "gpu-added-1"]
