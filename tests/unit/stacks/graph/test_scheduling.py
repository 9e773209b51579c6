"""Which node refuses which pod, with the reason; what pods ask for beyond CPU and memory, and what real nodes offer."""

from __future__ import annotations

from typing import Any

import pytest

from policies import assess
from policies.stack import STACK_RULES
from policies.stack.rule import graph_of
from stacks.graph.capacity import Amounts, nodes
from stacks.graph.demand import workloads
from stacks.graph.scheduling import refusal

FITS = next(rule for rule in STACK_RULES if rule.id == "pods-fit-a-pool")


def node(name: str = "cpu-0", *, labels: Any = None, allocatable: Any = None, **spec: Any) -> dict[str, Any]:
    status = {"status": {"allocatable": {"cpu": "8", "memory": "32Gi", "pods": "110", **(allocatable or {})}}}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels or {}}, "spec": spec, **status}


def pod(requests: Any = None, *, limits: Any = None, **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "c:1.0.0", "resources": {"requests": requests or {}, "limits": limits or {}}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "a"}, "spec": {"containers": [container], **spec}}


def said(*manifests: dict[str, Any]) -> tuple[list[str], list[str]]:
    found = assess(graph_of(manifests), object_rules=(), stack_rules=(FITS,))
    return [finding.message for finding in found.findings], [rule.reason for rule in found.not_applicable]


def terms(*found: Any) -> dict[str, Any]:
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(found)}}}


def by_name(operator: str, name: str) -> dict[str, Any]:
    return {"matchFields": [{"key": "metadata.name", "operator": operator, "values": [name]}]}


TAINT = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}
TAINTED = "its taint gpu=yes:NoSchedule is not tolerated"
EXCLUDED = "their required node affinity excludes it"


@pytest.mark.parametrize(
    ("spec", "of_node", "reason"),
    [
        ({}, {}, None),
        ({"nodeName": "cpu-0"}, {"taints": [TAINT]}, None),
        ({"nodeName": "cpu-1"}, {}, "they are bound to node cpu-1"),
        ({"nodeSelector": {"disk": "fast"}}, {"labels": {"disk": "slow"}}, "they select disk=fast"),
        ({}, {"taints": [TAINT]}, TAINTED),
        ({}, {"taints": [{**TAINT, "effect": "PreferNoSchedule"}]}, None),
        ({"tolerations": [{"operator": "Exists"}]}, {"taints": [TAINT]}, None),
        ({"tolerations": [{"operator": "Exists", "effect": "NoExecute"}]}, {"taints": [TAINT]}, TAINTED),
        ({"tolerations": [{"key": "gpu", "operator": "Exists"}]}, {"taints": [TAINT]}, None),
        ({"tolerations": [{"key": "gpu", "value": "yes"}]}, {"taints": [TAINT]}, None),
        ({"tolerations": [{"key": "gpu", "operator": "Equal", "value": "no"}]}, {"taints": [TAINT]}, TAINTED),
        ({"tolerations": [{"key": "gpu", "operator": "Lt", "value": "yes"}]}, {"taints": [TAINT]}, TAINTED),
        ({}, {"unschedulable": True}, "it is cordoned"),
        ({"tolerations": [{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}]}, {"unschedulable": True}, None),
        ({"affinity": terms(by_name("In", "cpu-0"))}, {}, None),
        ({"affinity": terms(by_name("In", "gpu-7"))}, {}, EXCLUDED),
        ({"affinity": terms({})}, {}, EXCLUDED),
        ({"affinity": terms()}, {}, EXCLUDED),
    ],
)
def test_a_node_says_why_it_refuses(spec: Any, of_node: Any, reason: str | None) -> None:
    (found,) = nodes(graph_of([node(**of_node)]))
    assert refusal(pod(**spec)["spec"], found) == reason


def test_pods_of_a_daemon_set_run_on_cordoned_nodes() -> None:
    (found,) = nodes(graph_of([node(unschedulable=True, taints=[{"key": "node.kubernetes.io/disk-pressure", "effect": "NoSchedule"}])]))
    assert refusal({}, found) is not None
    assert refusal({}, found, per_node=True) is None


@pytest.mark.parametrize(
    ("asks", "lacking"),
    [
        ({"limits": {"nvidia.com/mig-1g.5gb": 1}}, "nvidia.com/mig-1g.5gb"),
        ({"limits": {"amd.com/gpu": 8}}, "amd.com/gpu"),
        ({"limits": {"nvidia.com/gpu": 1}}, "GPUs"),
        ({"requests": {"ephemeral-storage": "90Ti"}}, "ephemeral-storage"),
        ({"requests": {"hugepages-1Gi": "64Gi"}, "limits": {"hugepages-1Gi": "64Gi"}}, "hugepages-1Gi"),
        ({"resources": {"requests": {"cpu": 64}, "limits": {"memory": "1Gi"}}}, "CPU"),
        ({"requests": {"cpu": 9}}, "CPU"),
    ],
)
def test_everything_that_a_pod_asks_for_must_be_there(asks: Any, lacking: str) -> None:
    (message,), _ = said(node(), pod(**asks))
    assert f"have too little {lacking}: " in message
    plenty = {"cpu": "999", "nvidia.com/mig-1g.5gb": 1, "amd.com/gpu": 8, "nvidia.com/gpu": 1}
    plenty |= {"ephemeral-storage": "100Ti", "hugepages-1Gi": "64Gi"}
    assert said(node(allocatable=plenty), pod(**asks)) == ([], [])


def test_the_pod_as_a_whole_asks_instead_of_its_containers() -> None:
    (found,) = workloads(
        graph_of([pod({"cpu": 3, "memory": "1Gi"}, resources={"requests": {"cpu": 5}, "limits": {"cpu": 9, "memory": "4Gi"}})])
    )
    assert found.requests == Amounts(5, 1), "a limit of the pod stands in only where no container asks"


def test_each_reason_is_true_and_counted() -> None:
    fleet = [node(), node("cpu-1", labels={"disk": "slow"}), node("gpu-0", taints=[TAINT], labels={"disk": "fast"})]
    (message,), _ = said(*fleet, pod(nodeSelector={"disk": "fast"}))
    assert message == f"no node admits its pods: 2 of 3 nodes: they select disk=fast; 1 of 3 nodes: {TAINTED}"


def test_a_real_node_offers_what_it_reports_and_the_digest_does_not_know_it() -> None:
    real = node(allocatable={"nvidia.com/gpu": "8"})
    (found,) = nodes(graph_of([real]))
    assert (found.capacity, found.most_pods) == (Amounts(8, 32, 8), 110)
    bare = {key: value for key, value in real.items() if key != "status"}
    assert graph_of([real]).digest == graph_of([bare]).digest
    assert said(bare, pod({"cpu": 1})) == ([], ["Pod a/p: nodes that admit it do not say what they offer: cpu-0"])


def test_a_node_of_another_group_is_no_node() -> None:
    longhorn = {"apiVersion": "longhorn.io/v1beta2", "kind": "Node", "metadata": {"name": "worker-1"}, "spec": {"allowScheduling": True}}
    assert said(longhorn, pod({"cpu": 900})) == ([], ["the graph has no nodes"])


def test_what_was_scaled_to_zero_or_suspended_has_no_pods() -> None:
    def replicas(kind: str, group: str, **spec: Any) -> int:
        template = {"template": {"spec": pod()["spec"]}}
        made = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": "w", "namespace": "a"}, "spec": {**template, **spec}}
        scaler = {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "w", "namespace": "a"},
            "spec": {"minReplicas": 4, "maxReplicas": 9, "scaleTargetRef": {"kind": "Deployment", "name": "w"}},
        }
        (found,) = workloads(graph_of([made, scaler]))
        return found.replicas

    assert replicas("Deployment", "apps", replicas=0) == 0
    assert replicas("Deployment", "apps") == 4
    assert replicas("StatefulSet", "apps", replicas=3) == 3, "the autoscaler is another kind's"
    assert replicas("Job", "batch", suspend=True) == 0
    assert replicas("Job", "batch", parallelism=5, completions=2) == 2
