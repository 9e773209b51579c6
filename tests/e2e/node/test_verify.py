"""``sandtable verify`` in pods that really run: data stores, the bus and a client of theirs, as the stack declares them, on a real node."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

import pytest

from sandtable.jobs.verify.catalogue import chosen
from sandtable.jobs.verify.data.kills import Writer, kill_rounds
from sandtable.jobs.verify.data.stores import bus_pod, store_password, store_pods
from sandtable.jobs.verify.data.writers import JetStreamWriter, PostgresWriter, RedisWriter
from sandtable.jobs.verify.ground import Ground, Pod
from sandtable.jobs.verify.verify import outcome_of
from stacks.clusters.api import Api, listing
from stacks.clusters.node import NodeCluster
from stacks.components import places
from stacks.environment import Cluster as ClusterSettings
from stacks.environment.file import load
from stacks.graph import Graph, Resource
from stacks.graph.sources import from_program
from stacks.rebuilt_images import rebuilt_images
from tests.e2e.node.conftest import container, eventually
from toolchain.images import ensure_images

pytestmark = [pytest.mark.platform, pytest.mark.timeout(900)]

#: What is deployed of dev: stores and bus in their own images; engine, gateway and metrics store with a page in place of their programs.
NAMESPACES: Final = (places.DATA, places.MESSAGING, places.AI, places.TELEMETRY)
KINDS_OF_IT: Final = ("PriorityClass", "Namespace", "NetworkPolicy", "StatefulSet", "Service", "ServiceAccount", "ConfigMap", "Secret")
IMAGES: Final = ("postgresql", "redis", "nats")


def part_of(whole: Graph) -> Graph:
    """The stores and the bus as they are, the others with another program."""

    def belongs(resource: Resource) -> bool:
        if resource.kind not in KINDS_OF_IT or (resource.kind == "StatefulSet" and resource.namespace == places.TELEMETRY):
            return False
        return resource.kind == "PriorityClass" or (resource.namespace or resource.object_name) in NAMESPACES

    pages = [
        replace(one, inputs={**one.inputs, "spec": page_behind(one)})
        for one in whole.objects("Deployment", "StatefulSet")
        if one.object_name in {"ai-stack", "gateway", "prometheus"}
    ]
    return Graph.of([*(resource for resource in whole if resource.is_object and belongs(resource)), *pages], "part of dev")


def page_behind(workload: Resource) -> dict[str, Any]:
    """The workload's spec with a web server in place of its program: same labels, so that the same policies hold for it."""
    (port, *_) = next(iter(workload.containers()))["ports"]
    script = f"mkdir -p /tmp/www && echo hello > /tmp/www/index.html && exec httpd -f -p {port['containerPort']} -h /tmp/www"
    probe = {"httpGet": {"path": "/index.html", "port": port["name"]}, "periodSeconds": 1}
    main = container("sh", "-c", script) | {
        "ports": [port],
        "readinessProbe": probe,
        "livenessProbe": probe,
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    security = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    pod = {
        "securityContext": security,
        "containers": [main],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        "terminationGracePeriodSeconds": 5,
    }
    template = {"metadata": {"labels": dict(workload.pod_labels)}, "spec": pod}
    kept = {key: value for key, value in workload.spec.items() if key in {"selector", "serviceName"}}
    return {**kept, "replicas": 1, "template": template}


def create(api: Api, graph: Graph, secrets: Mapping[str, Mapping[str, str]] = {}, known: Sequence[str] = ()) -> None:  # read
    """Create the objects of a graph, whose Secrets have no content; but for the namespaces ``known``."""
    first = ("Namespace", "PriorityClass", "ServiceAccount", "Secret", "ConfigMap")
    for resource in sorted(graph, key=lambda one: first.index(one.kind) if one.kind in first else len(first)):
        if resource.kind == "Namespace" and resource.object_name in known:
            continue
        manifest: dict[str, Any] = dict(resource.inputs)
        if resource.kind == "Secret":
            password = {"password": base64.b64encode(b"a-test").decode()}
            manifest["data"] = secrets.get(resource.object_name, password)
        answer = api.create(manifest)
        assert answer.ok, f"{resource.label}: {answer.message}"


def deploy(cluster: NodeCluster, root: Path) -> Ground:
    environment = load("dev", root=root).model_copy(update={"cluster": ClusterSettings(provider="node")})
    graph, api = part_of(from_program(environment)), Api.of(cluster)
    create(api, graph)
    expected = {"ai", "gateway", "prometheus", "features", "cache", "nats"}

    def ready() -> Ground | None:
        ground = Ground(environment, graph, cluster, api, str)
        return ground if {pod.name.partition("-")[0] for pod in ground.real_pods} == expected else None

    return cast("Ground", eventually(f"pods of {expected}", ready))


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


@pytest.mark.parametrize(
    ("container_name", "make"),
    [
        ("postgresql", lambda ground, pod: PostgresWriter(ground.api, pod)),
        ("redis", lambda ground, pod: RedisWriter(ground.node, pod, store_password(ground))),
        ("nats", lambda ground, pod: JetStreamWriter(ground.node, pod)),
    ],
)
def test_no_acknowledged_write_is_lost_by_a_kill(ground: Ground, container_name: str, make: Callable[[Ground, Pod], Writer]) -> None:
    pod = bus_pod(ground) if container_name == "nats" else store_pods(ground, container_name)[0]
    survived = kill_rounds(ground, lambda: pod, container_name, make(ground, pod), rounds=2)
    assert survived.lost == 0
    assert survived.acknowledged >= 50


def test_what_is_kept_in_memory_is_lost_by_a_kill(ground: Ground) -> None:
    pod = bus_pod(ground)
    survived = kill_rounds(ground, lambda: pod, "nats", JetStreamWriter(ground.node, pod, storage="memory"), rounds=1)
    assert survived.lost == survived.acknowledged > 0


def test_an_image_changes_under_load_and_a_bad_one_stops(ground: Ground) -> None:
    found, text = outcome(ground, "rollout", drills=True)
    assert found == "passed", text
    assert "Deployment ai/gateway: image changed" in text


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
        found = eventually("the difference", lambda: (seen := outcome(ground, "network-matrix"))[0] == "failed" and seen)
        assert ":8080 is open, though no policy allows it" in found[1]
    finally:
        ground.api.send("DELETE", f"{path}/planted")
        ground.api.send("DELETE", f"{path.replace(places.DATA, places.AI)}/planted")
