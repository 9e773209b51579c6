"""What runs on a real node: containers, Services, names, policies, volumes, limits, and autoscaling by what they use."""

from __future__ import annotations

import os
from typing import Any

import pytest

from stacks.graph import labels
from tests.e2e.node.conftest import Kubernetes, answer_of, container, eventually, page

pytestmark = [pytest.mark.platform, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def web(kubernetes: Kubernetes) -> str:
    address = kubernetes.serve("web", "hello")
    assert page(address) == "hello"
    return address


def test_a_deployment_answers_under_its_service_and_its_pod_s_own_address(kubernetes: Kubernetes, web: str) -> None:
    assert page(web) == "hello"
    [pod] = kubernetes.pods("web")
    assert page(f"{pod.status.pod_ip}:8080") == "hello"


def test_pods_find_services_by_name_and_the_node_by_its_own(kubernetes: Kubernetes, web: str) -> None:
    said = kubernetes.run("asks", "wget -q -O - http://web && nslookup laptop-0.")
    assert said.startswith("hello"), said
    node = kubernetes.core.read_node("laptop-0").status.addresses[0].address
    assert node in said


def test_a_network_policy_denies_and_allows(kubernetes: Kubernetes) -> None:
    address = kubernetes.serve("guarded", "secret")
    assert page(address) == "secret"
    spec = {
        "podSelector": {"matchLabels": {"app": "guarded"}},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"podSelector": {"matchLabels": {"may": "enter"}}}]}],
    }
    kubernetes.apply({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "guard"}, "spec": spec})
    eventually("the policy, which keeps this machine out, too", lambda: answer_of(address) is None)
    # By address: a name looked up in vain would look the same. The firewall learns of a new pod a moment after its start.
    ask = f"timeout 2 wget -q -O - http://{address} && exit 0"
    assert kubernetes.run("friend", f"while :; do {ask}; sleep 1; done", labels={"may": "enter"}) == "secret"
    assert "secret" not in kubernetes.run("stranger", f"{ask}; sleep 1; {ask}; exit 1")


def test_a_volume_outlives_its_pod_and_belongs_to_the_pod_s_group(kubernetes: Kubernetes) -> None:
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    kubernetes.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": claim})
    pod: dict[str, Any] = {
        "securityContext": {"runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 2000, "runAsNonRoot": True},
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
        "container": {"volumeMounts": [{"name": "data", "mountPath": "/data"}]},
    }
    assert kubernetes.run("writer", "id -G && echo kept > /data/file", **pod) == "1000 2000"
    kubernetes.core.delete_namespaced_pod("writer", "default", grace_period_seconds=0)
    assert kubernetes.run("reader", "cat /data/file", **pod) == "kept"


def test_a_container_over_its_memory_limit_is_killed(kubernetes: Kubernetes) -> None:
    limits = {"container": {"resources": {"limits": {"memory": "32Mi"}}}}
    assert kubernetes.run("greedy", "tail /dev/zero", **limits).startswith("!")
    [status] = kubernetes.core.read_namespaced_pod("greedy", "default").status.container_statuses
    assert (status.state.terminated.reason, status.state.terminated.exit_code) == ("OOMKilled", 137)


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="a core that is not shared needs a second one")
def test_a_guaranteed_pod_with_a_whole_cpu_has_it_alone(kubernetes: Kubernetes) -> None:
    amounts = {"cpu": "1", "memory": "64Mi"}
    alone = kubernetes.run("alone", "grep Cpus_allowed_list /proc/self/status; sleep 2", container={"resources": {"limits": amounts}})
    assert alone.split()[-1].isdigit(), alone


def test_pods_for_gpus_are_played_beside_the_real_ones(kubernetes: Kubernetes) -> None:
    offers = {labels.CAPACITY_CPU: "96", labels.CAPACITY_MEMORY: "1Ti", labels.CAPACITY_PODS: "110", labels.CAPACITY_GPU: "8"}
    taint = {"key": labels.GPU_RESOURCE, "value": "present", "effect": "NoSchedule"}
    kubernetes.core.create_node(
        {"metadata": {"name": "gpu-0", "annotations": {labels.KWOK_NODE: "fake", **offers}}, "spec": {"taints": [taint]}}
    )
    trainer = container("sleep", "600") | {"image": "nowhere/trainer:1", "resources": {"limits": {labels.GPU_RESOURCE: "1"}}}
    spec = {"containers": [trainer], "tolerations": [{"key": labels.GPU_RESOURCE, "operator": "Exists"}]}
    kubernetes.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "trainer"}, "spec": spec})

    def played() -> bool:
        pod = kubernetes.core.read_namespaced_pod("trainer", "default")
        return pod.spec.node_name == "gpu-0" and pod.status.phase == "Running"

    eventually("the played pod", played)


def test_a_busy_deployment_is_scaled_by_what_its_pods_use(kubernetes: Kubernetes) -> None:
    busy = container("sh", "-c", "while :; do :; done") | {"resources": {"requests": {"cpu": "100m"}, "limits": {"cpu": "200m"}}}
    template = {"metadata": {"labels": {"app": "busy"}}, "spec": {"containers": [busy], "terminationGracePeriodSeconds": 0}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "busy"}}, "template": template}
    target = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "busy"}
    kubernetes.apply(
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "busy"}, "spec": spec},
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "busy"},
            "spec": {"scaleTargetRef": scaled, "minReplicas": 1, "maxReplicas": 2, "metrics": [target]},
        },
    )
    eventually("two replicas", lambda: len(kubernetes.pods("busy")) == 2)
    seen = kubernetes.scaling.read_namespaced_horizontal_pod_autoscaler("busy", "default")
    assert seen.status.current_metrics[0].resource.current.average_utilization > 50
    kubernetes.apps.delete_namespaced_deployment("busy", "default")
