"""Clusters with a real node, an image that is made on the spot, and what a user would do with kubectl."""

from __future__ import annotations

import shutil
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
from kubernetes import client, config, utils

from stacks.clusters.node import NodeCluster
from stacks.deployment.pods import unready_pods
from stacks.graph import labels
from toolchain.images import Recipe, WantedImage, ensure_images

IMAGE: Final = "sandtable.dev/test/busybox:1"
PROGRAMS: Final = ("sh", "httpd", "wget", "nslookup", "cat", "dd", "sleep", "touch", "ls", "echo", "mkdir", "grep", "tail", "id", "timeout")
_PATIENCE_S: Final = 180.0


class Kubernetes:
    """A cluster as its user sees it."""

    def __init__(self, cluster: NodeCluster) -> None:
        self.cluster = cluster
        self._connection: Any = config.new_client_from_config(str(cluster.kubeconfig), cluster.context)
        self.core: Any = client.CoreV1Api(self._connection)
        self.apps: Any = client.AppsV1Api(self._connection)
        self.scaling: Any = client.AutoscalingV2Api(self._connection)

    def apply(self, *documents: dict[str, Any]) -> None:
        for document in documents:
            utils.create_from_dict(self._connection, document)

    def serve(self, name: str, words: str) -> str:
        """Deploy a web server with a Service; return the address of the Service."""
        script = f"mkdir -p /tmp/www && echo {words} > /tmp/www/index.html && exec httpd -f -p 8080 -h /tmp/www"
        template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container("sh", "-c", script)]}}
        spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template}
        self.apply(
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec},
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": name},
                "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]},
            },
        )
        return str(self.core.read_namespaced_service(name, "default").spec.cluster_ip)

    def run(self, name: str, script: str, **pod: Any) -> str:
        """Run a script in a pod of its own to its end; return its output, with ``!`` before it if it failed."""
        extra = pod.pop("container", {})
        pod_labels = pod.pop("labels", {})
        spec = {"restartPolicy": "Never", "containers": [container("sh", "-c", script) | extra], **pod}
        self.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": pod_labels}, "spec": spec})
        phase = eventually(f"the end of {name}", lambda: self._ended(name))
        return ("" if phase == "Succeeded" else "!") + str(self.core.read_namespaced_pod_log(name, "default")).strip()

    def pods(self, app: str) -> list[Any]:
        return list(self.core.list_namespaced_pod("default", label_selector=f"app={app}").items)

    def unready(self) -> list[str]:
        """What ``up`` tells about pods that are not ready."""
        return unready_pods(self._connection, {"default"})

    def _ended(self, name: str) -> str | None:
        phase = self.core.read_namespaced_pod(name, "default").status.phase
        return str(phase) if phase in ("Succeeded", "Failed") else None


def container(*command: str) -> dict[str, Any]:
    return {"name": "main", "image": IMAGE, "command": list(command)}


def eventually(what: str, ask: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + _PATIENCE_S
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"{what}: not within {_PATIENCE_S:g} s"
        time.sleep(0.1)
    return answer


def page(address: str, path: str = "/") -> str:
    """The page at an address, as soon as somebody answers there."""
    return str(eventually(f"a page at {address}", lambda: answer_of(address, path)))


def answer_of(address: str, path: str = "/") -> str | None:
    """The page at an address, None if nobody answers."""
    with suppress(OSError), urllib.request.urlopen(f"http://{address}{path}", timeout=5) as answer:
        return str(answer.read().decode().strip())
    return None


@pytest.fixture(scope="module")
def new_node(
    real_node: None, keep: Callable[[NodeCluster], None], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], NodeCluster]:
    """Return a maker of clusters with a real node, not started; each is deleted at the end."""

    def make(name: str) -> NodeCluster:
        folder = tmp_path_factory.mktemp("nodes") / name
        cluster = NodeCluster(name, folder, node_name="laptop-0", labels={labels.POOL: "laptop"})
        keep(cluster)
        return cluster

    return make


@pytest.fixture(scope="session")
def image() -> None:
    """Make an image with a static busybox."""
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("busybox is missing: apt-get install busybox-static")
    links = {f"/bin/{name}": "busybox" for name in PROGRAMS}
    recipe = Recipe(files={"/bin/busybox": busybox}, links=links, user=0)
    ensure_images([WantedImage(IMAGE, recipe, Path("/"))])


@pytest.fixture(scope="module")
def kubernetes(new_node: Callable[[str], NodeCluster], image: None) -> Kubernetes:
    cluster = new_node("pods")
    cluster.start()
    return Kubernetes(cluster)
