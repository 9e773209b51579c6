"""``sandtable verify`` in pods that really run: data stores, the bus and a client of theirs, as the stack declares them, on a real node."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from sandtable.jobs.verify.catalogue import chosen
from sandtable.jobs.verify.ground import Ground
from sandtable.jobs.verify.verify import outcome_of
from stacks.clusters.api import Api, listing
from stacks.clusters.node import NodeCluster
from stacks.components import places
from stacks.environment import Cluster as ClusterSettings
from stacks.environment.file import load
from stacks.graph import Graph
from stacks.graph.kinds import KINDS
from stacks.graph.sources import from_program
from stacks.rebuilt_images import rebuilt_images
from tests.e2e.node.conftest import container
from toolchain.images import ensure_images

pytestmark = [pytest.mark.platform, pytest.mark.timeout(900)]

#: What is deployed of dev: all but the workloads of the platform, whose images take long to build.
NAMESPACES: Final = (places.DATA, places.MESSAGING, places.AI)
LEFT_OUT: Final = ("Deployment", "ResourceQuota")
CLIENT: Final = "ai-stack"
IMAGES: Final = ("postgresql", "redis", "nats")
_PATIENCE_S: Final = 240.0


def part_of(graph: Graph) -> Graph:
    """The stores, the bus and their network policies, with the cluster-wide objects that they need."""

    def belongs(resource: Any) -> bool:
        if resource.kind in {"PriorityClass", "Namespace"}:
            return resource.kind == "PriorityClass" or resource.object_name in NAMESPACES
        return resource.namespace in NAMESPACES and resource.kind in KINDS and resource.kind not in LEFT_OUT

    return Graph.of([resource for resource in graph if resource.is_object and belongs(resource)], "part of dev")


def create(api: Api, graph: Graph) -> None:
    first = ("Namespace", "PriorityClass", "ServiceAccount", "Secret", "ConfigMap")
    for resource in sorted(graph, key=lambda one: first.index(one.kind) if one.kind in first else len(first)):
        manifest: dict[str, Any] = dict(resource.inputs)
        if resource.kind == "Secret":
            manifest = {key: value for key, value in manifest.items() if key != "data"} | {"stringData": {"password": "a-test"}}
        answer = api.create(manifest)
        assert answer.ok, f"{resource.label}: {answer.message}"


def client_of_the_stores(graph: Graph) -> dict[str, Any]:
    """A pod with the labels of the engine, so that the engine's policy holds for it; it serves a page where the engine would answer."""
    engine = graph.find("Deployment", CLIENT)
    assert engine is not None
    script = "mkdir -p /tmp/www && echo hello > /tmp/www/index.html && exec httpd -f -p 8080 -h /tmp/www"
    main = container("sh", "-c", script) | {
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    security = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"securityContext": security, "containers": [main], "volumes": [{"name": "tmp", "emptyDir": {}}]}
    metadata = {"name": "client", "namespace": places.AI, "labels": dict(engine.pod_labels)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def deploy(cluster: NodeCluster, root: Path) -> Ground:
    environment = load("dev", root=root).model_copy(update={"cluster": ClusterSettings(provider="node")})
    whole = from_program(environment)
    graph, api = part_of(whole), Api.of(cluster)
    create(api, graph)
    answer = api.create(client_of_the_stores(whole))
    assert answer.ok, answer.message
    expected = {"client", "features-0", "cache-0", "nats-0"}
    end = time.monotonic() + _PATIENCE_S
    while True:
        ground = Ground(environment, graph, cluster, api)
        if {pod.name for pod in ground.real_pods} == expected:
            return ground
        assert time.monotonic() < end, f"{expected} are to be ready"
        time.sleep(0.5)


@pytest.fixture(scope="module")
def ground(new_node: Callable[[str], NodeCluster], image: None, new_root: Callable[..., Path]) -> Iterator[Ground]:
    cluster = new_node("verify")
    ensure_images([wanted for name in IMAGES if (wanted := rebuilt_images()[name].wanted)])
    cluster.start()
    ground = deploy(cluster, new_root("dev"))
    yield ground
    ground.api.connection.rest_client.pool_manager.clear()


def outcome(ground: Ground, name: str, *, drills: bool = False) -> tuple[str, str]:
    (check,) = chosen([name], drills=drills)
    found, text = outcome_of(check, ground)
    return found, text


@pytest.mark.parametrize("name", ["rollouts", "postgresql", "redis", "nats", "network-matrix", "services", "pod-security"])
def test_a_check_passes_on_what_works(ground: Ground, name: str) -> None:
    assert outcome(ground, name)[0] == "passed", outcome(ground, name)


def test_a_policy_that_somebody_added_is_found_by_the_matrix(ground: Ground) -> None:
    rule = {"from": [{"namespaceSelector": {}}]}
    spec = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [rule]}
    metadata = {"name": "planted", "namespace": places.AI}
    manifest = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}
    opened = {**manifest, "metadata": {**metadata, "namespace": places.DATA}, "spec": spec | {"egress": [{}], "policyTypes": ["Egress"]}}
    path = listing("networking.k8s.io/v1", "networkpolicies", places.DATA)
    assert ground.api.create(opened).ok
    assert ground.api.create(manifest).ok
    try:
        end = time.monotonic() + 30
        while (found := outcome(ground, "network-matrix"))[0] == "passed" and time.monotonic() < end:
            time.sleep(1)
        assert found[0] == "failed"
        assert "ai/client:8080 is open, though no policy allows it" in found[1]
    finally:
        ground.api.send("DELETE", f"{path}/planted")
        ground.api.send("DELETE", f"{path.replace(places.DATA, places.AI)}/planted")
