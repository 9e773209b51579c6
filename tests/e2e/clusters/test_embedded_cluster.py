"""The embedded cluster simulates a GPU node, heals after any of its servers was killed, and leaves nothing behind.

Also: how a cluster that somebody else owns is refused, with the embedded one in the part of somebody else's.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from kubernetes import client, config

from stacks.clusters import open_cluster
from stacks.clusters.embedded import EmbeddedCluster
from stacks.clusters.embedded.ports import Ports
from stacks.clusters.embedded.servers import KINDS
from stacks.environment import Cluster as ClusterSettings
from stacks.environment import Environment, NodePool, Region
from stacks.errors import ClusterError, ConfigurationError
from stacks.graph import labels

pytestmark = pytest.mark.e2e

New = Callable[[str], EmbeddedCluster]
Eventually = Callable[[str, Callable[[], bool]], None]

NODE = {
    "metadata": {
        "name": "gpu-0",
        "annotations": {
            labels.KWOK_NODE: "fake",
            labels.CAPACITY_CPU: "96",
            labels.CAPACITY_MEMORY: "1Ti",
            labels.CAPACITY_PODS: "110",
            labels.CAPACITY_GPU: "8",
        },
    },
    "spec": {"taints": [{"key": labels.GPU_PRESENT, "value": "true", "effect": "NoSchedule"}]},
}
ENGINE = {
    "metadata": {"name": "engine"},
    "spec": {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "engine"}},
        "template": {
            "metadata": {"labels": {"app": "engine"}},
            "spec": {
                "tolerations": [{"key": labels.GPU_PRESENT, "operator": "Exists"}],
                "containers": [{"name": "engine", "image": "engine:1", "resources": {"limits": {labels.GPU_RESOURCE: "2"}}}],
            },
        },
    },
}
CLAIM = {
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}


def connect(cluster: EmbeddedCluster) -> Any:
    return config.new_client_from_config(str(cluster.kubeconfig), cluster.context)


def stranger(cluster: EmbeddedCluster, other: EmbeddedCluster) -> Any:
    """A connection to the other cluster with the keys of this one."""
    document, own = (yaml.safe_load(each.kubeconfig.read_text()) for each in (other, cluster))
    return config.new_client_from_config_dict({**document, "users": own["users"]})


def ready(cluster: EmbeddedCluster, replicas: int) -> bool:
    """Whether the Deployment is rolled out, by the same fields that `kubectl rollout status` looks at."""
    found = client.AppsV1Api(connect(cluster)).read_namespaced_deployment("engine", "default")
    fresh = (found.status.observed_generation or 0) >= found.metadata.generation
    return fresh and (found.status.updated_replicas, found.status.available_replicas, found.status.replicas) == (replicas,) * 3


def scale(cluster: EmbeddedCluster, replicas: int) -> None:
    client.AppsV1Api(connect(cluster)).patch_namespaced_deployment_scale("engine", "default", {"spec": {"replicas": replicas}})


def pid(cluster: EmbeddedCluster, server: str) -> int:
    return int(json.loads((cluster.log_folder / f"{server}.pid").read_text())["pid"])


def processes_of(cluster: EmbeddedCluster) -> list[str]:
    """Programs whose command line names the cluster's folder, whoever wrote their pid down."""
    commands = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return [command[0] for command in commands if any(f"{cluster.folder}/" in argument for argument in command)]


@pytest.fixture(scope="module")
def made(new_cluster: New) -> EmbeddedCluster:
    """A cluster with a simulated GPU node and a Deployment of engines on it."""
    made = new_cluster("one")
    made.start()
    client.CoreV1Api(connect(made)).create_node(NODE)
    client.AppsV1Api(connect(made)).create_namespaced_deployment("default", ENGINE)
    return made


@pytest.fixture
def cluster(made: EmbeddedCluster, eventually: Eventually) -> EmbeddedCluster:
    """The cluster, running, with three engines: whatever another test, or an earlier try of this one, left."""
    made.start()
    scale(made, 3)
    eventually("3 engines are rolled out", lambda: ready(made, 3))
    return made


def test_engines_share_the_gpus_of_the_node(cluster: EmbeddedCluster, eventually: Eventually) -> None:
    """Four engines of two GPUs fill the node; a fifth has to wait: the scheduler is the real one."""
    scale(cluster, 5)
    pods = client.CoreV1Api(connect(cluster))

    def places() -> list[str]:
        return sorted(pod.spec.node_name or "" for pod in pods.list_namespaced_pod("default").items)

    eventually("four engines fit", lambda: places() == ["", "gpu-0", "gpu-0", "gpu-0", "gpu-0"])
    scale(cluster, 3)
    eventually("3 engines are left", lambda: ready(cluster, 3))


def test_a_claim_gets_a_volume_that_is_on_no_disk(cluster: EmbeddedCluster, eventually: Eventually) -> None:
    core = client.CoreV1Api(connect(cluster))
    core.create_namespaced_persistent_volume_claim("default", CLAIM)
    eventually("the claim is bound", lambda: core.read_namespaced_persistent_volume_claim("data", "default").status.phase == "Bound")
    volume = core.read_persistent_volume(core.read_namespaced_persistent_volume_claim("data", "default").spec.volume_name)
    assert not Path(volume.spec.host_path.path).exists()
    core.delete_namespaced_persistent_volume_claim("data", "default")
    eventually("the volume goes with its claim", lambda: not core.list_persistent_volume().items)


@pytest.mark.parametrize("server", KINDS)
def test_a_killed_server_is_started_again_without_loss(cluster: EmbeddedCluster, eventually: Eventually, server: str) -> None:
    kept = client.CoreV1Api(connect(cluster)).create_namespaced_config_map("default", {"metadata": {"generateName": "kept-"}})
    others = {name: pid(cluster, name) for name in KINDS if name != server}
    os.kill(pid(cluster, server), signal.SIGKILL)
    eventually("the cluster sees it", lambda: not cluster.status().running)
    assert server in cluster.status().note
    cluster.start()
    assert cluster.status().running
    assert {name: pid(cluster, name) for name in others} == others
    assert client.CoreV1Api(connect(cluster)).read_namespaced_config_map(kept.metadata.name, "default")
    # Every server has a part in a rollout.
    scale(cluster, 4)
    eventually("a rollout goes through again", lambda: ready(cluster, 4))


def test_all_servers_killed_at_once(cluster: EmbeddedCluster, eventually: Eventually) -> None:
    for server in KINDS:
        os.kill(pid(cluster, server), signal.SIGKILL)
    eventually("all are gone", lambda: not processes_of(cluster))
    cluster.start()
    eventually("3 engines are there", lambda: ready(cluster, 3))


def test_a_port_taken_while_it_was_stopped(cluster: EmbeddedCluster, eventually: Eventually) -> None:
    before = Ports.read(cluster.folder / "ports.json")
    assert before
    cluster.stop()
    with socket.create_server(("127.0.0.1", before.api)):
        cluster.start()
        after = Ports.read(cluster.folder / "ports.json")
        assert after
        assert after.api != before.api
        assert cluster.status().server == f"https://127.0.0.1:{after.api}"
        assert yaml.safe_load(cluster.kubeconfig.read_text())["clusters"][0]["cluster"]["server"] == cluster.status().server
        eventually("3 engines are there", lambda: ready(cluster, 3))


def test_two_clusters_know_nothing_of_each_other(cluster: EmbeddedCluster, new_cluster: New) -> None:
    other = new_cluster("two")
    other.start()
    assert cluster.status().running
    assert not client.CoreV1Api(connect(other)).list_node().items
    kept = len(processes_of(cluster))
    with pytest.raises(client.ApiException) as refused:
        client.CoreV1Api(stranger(cluster, other)).list_node()
    assert refused.value.status == 401, "the administrator of one cluster is nobody in the other"
    other.delete()
    assert len(processes_of(cluster)) == kept == len(KINDS)


def test_delete_leaves_nothing_running_and_nothing_on_the_disk(new_cluster: New) -> None:
    cluster = new_cluster("gone")
    cluster.start()
    assert len(processes_of(cluster)) == len(KINDS)
    cluster.delete()
    assert processes_of(cluster) == []
    assert not cluster.folder.exists()


def test_delete_ends_the_servers_of_a_folder_that_somebody_removed(new_cluster: New) -> None:
    cluster = new_cluster("removed")
    cluster.start()
    assert len(processes_of(cluster)) == len(KINDS)
    shutil.rmtree(cluster.folder)
    cluster.delete()
    assert processes_of(cluster) == []


@pytest.mark.parametrize("in_the_way", ["the folder", "its parent"])
def test_a_folder_that_cannot_be_made(tmp_path: Path, in_the_way: str) -> None:
    folder = tmp_path / "clusters" / "dev"
    place = folder if in_the_way == "the folder" else folder.parent
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("")
    with pytest.raises(ClusterError, match=r"cluster dev: .*cannot be written.*--root") as raised:
        EmbeddedCluster("dev", folder).start()
    assert str(place) in str(raised.value)


class TestSomebodysCluster:
    """The kubeconfig adapter says what is refused before anything was changed."""

    @pytest.fixture
    def kubeconfig(self, cluster: EmbeddedCluster, tmp_path: Path) -> Path:
        path = tmp_path / "kubeconfig"
        path.write_bytes(cluster.kubeconfig.read_bytes())
        return path

    def change(self, path: Path, user: dict[str, Any] | None = None, server: str | None = None) -> None:
        document = yaml.safe_load(path.read_text())
        if user is not None:
            document["users"][0]["user"] = user
        if server is not None:
            document["clusters"][0]["cluster"]["server"] = server
        path.write_text(yaml.safe_dump(document))

    def open(self, path: Path, context: str | None = None) -> Any:
        settings = ClusterSettings(provider="kubeconfig", kubeconfig=str(path), context=context)
        return open_cluster(Environment(name="theirs", cluster=settings), path.parent)

    def test_credentials_without_rights(self, cluster: EmbeddedCluster, kubeconfig: Path) -> None:
        core = client.CoreV1Api(connect(cluster))
        nobody = core.create_namespaced_service_account("default", {"metadata": {"generateName": "nobody-"}}).metadata.name
        token = core.create_namespaced_service_account_token(nobody, "default", {"spec": {"audiences": []}}).status.token
        self.change(kubeconfig, user={"token": token})
        with pytest.raises(ClusterError) as raised:
            self.open(kubeconfig).start()
        text, refused, nodes = str(raised.value).splitlines()
        assert "nothing was changed" in text
        assert nodes.startswith("  it does not allow us to list: nodes")
        assert refused.startswith("  it does not allow us to create, patch, delete: configmaps, ")
        for resource in ("namespaces", "deployments.apps", "clusterspiffeids.spire.spiffe.io"):
            assert f" {resource}," in refused

    def test_kinds_and_nodes_are_missing(self, kubeconfig: Path) -> None:
        settings = ClusterSettings(provider="kubeconfig", kubeconfig=str(kubeconfig), node_pools_by="karpenter")
        regions = [Region(name="east", cloud="aws", zones=["east-a"])]
        pools = [NodePool(name="laptop", region="east", instance_type="m7i.4xlarge", vcpu_per_node=16, memory_gib_per_node=64)]
        theirs = Environment(name="theirs", cluster=settings, regions=regions, node_pools=pools)
        with pytest.raises(ClusterError) as raised:
            open_cluster(theirs, kubeconfig.parent).start()
        assert str(raised.value).splitlines()[1:] == [
            "  it does not serve EC2NodeClass (karpenter.k8s.aws/v1): install the CRD or API server that does",
            "  it does not serve NodePool (karpenter.sh/v1): install the CRD or API server that does",
        ]
        with pytest.raises(ClusterError, match=r"pool laptop has 0 of at least 1 nodes: label them: `kubectl label node"):
            self.open(kubeconfig).start()

    def test_some_rights_are_missing(self, cluster: EmbeddedCluster, kubeconfig: Path) -> None:
        core, access = client.CoreV1Api(connect(cluster)), client.RbacAuthorizationV1Api(connect(cluster))
        editor = core.create_namespaced_service_account("default", {"metadata": {"generateName": "editor-"}}).metadata.name
        binding = {
            "metadata": {"name": editor},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
            "subjects": [{"kind": "ServiceAccount", "name": editor, "namespace": "default"}],
        }
        access.create_cluster_role_binding(binding)
        token = core.create_namespaced_service_account_token(editor, "default", {"spec": {"audiences": []}}).status.token
        self.change(kubeconfig, user={"token": token})
        with pytest.raises(ClusterError) as raised:
            self.open(kubeconfig).start()
        assert "clusterroles.rbac.authorization.k8s.io" in str(raised.value)
        assert "deployments.apps" not in str(raised.value), "what is allowed is not named"

    def test_credentials_that_the_cluster_does_not_know(self, kubeconfig: Path) -> None:
        self.change(kubeconfig, user={"token": "invented"})
        with pytest.raises(ClusterError, match="does not know these credentials"):
            self.open(kubeconfig).start()

    def test_nobody_answers(self, kubeconfig: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.change(kubeconfig, server=f"https://127.0.0.1:{port}")
        cluster = self.open(kubeconfig)
        with pytest.raises(ClusterError, match=f"no answer from https://127.0.0.1:{port}"):
            cluster.start()
        assert not cluster.status().running

    def test_an_unknown_context(self, kubeconfig: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"no context 'sandtable-on'; there is sandtable-one — did you mean 'sandtable-one'\?"):
            self.open(kubeconfig, "sandtable-on")
