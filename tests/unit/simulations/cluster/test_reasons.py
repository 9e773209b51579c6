"""Why a pod is where it is."""

from __future__ import annotations

from typing import Any

import pytest

from simulations.cluster.reasons import reason
from stacks.errors import ConfigurationError
from stacks.graph.capacity import nodes
from stacks.graph.demand import workloads


def test_the_first_candidate_has_the_pod_and_the_second_says_what_it_lacks(build: Any) -> None:
    fleet = [build.node(f"gpu-{index}", "gpu", zone) for index, zone in enumerate("abc")]
    graph = build.graph(*fleet, build.node("other-0", "other", "a"), build.deployment("ai", 2, "gpu"))
    found = reason("ai/ai-0" if any(w.pod(0) == "ai/ai-0" for w in workloads(graph)) else "ai-0", workloads(graph), nodes(graph))
    first, *_, last = found.candidates
    assert found.node == first.node.name == "gpu-0"
    assert first.scores["PodTopologySpread"] > 0
    assert (last.node.name, bool(last.refusal)) == ("other-0", True)
    assert found.words.startswith(f"{found.pod} is on gpu-0")
    assert [one.total for one in found.candidates if not one.refusal] == sorted(
        (one.total for one in found.candidates if not one.refusal), reverse=True
    )


def test_an_unknown_pod_is_named_beside_those_there_are(build: Any) -> None:
    graph = build.graph(build.node("gpu-0", "gpu", "a"), build.deployment("ai", 1, "gpu"))
    with pytest.raises(ConfigurationError, match=r"no pod 'al-0'; there is .*ai-0"):
        reason("al-0", workloads(graph), nodes(graph))


def test_a_pod_without_a_node_waits(build: Any) -> None:
    graph = build.graph(build.node("other-0", "other", "a"), build.deployment("ai", 1, "gpu"))
    (pod,) = [w.pod(0) for w in workloads(graph)]
    found = reason(pod, workloads(graph), nodes(graph))
    assert (found.node, found.words) == ("", f"{pod} waits: no node takes it.")
