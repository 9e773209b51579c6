"""Images of this machine on a real node: found under their own names, whatever the pull policy, and only those."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from stacks import registry
from stacks.clusters.node import NodeCluster
from stacks.rebuilt_images import rebuilt_images
from tests.e2e.node.conftest import IMAGE, Kubernetes, eventually, page
from toolchain.images import Recipe, WantedImage, ensure_images

pytestmark = [pytest.mark.platform, pytest.mark.timeout(900)]
RESTRICTED: Final = {
    "runAsUser": 65532,
    "runAsNonRoot": True,
    "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.fixture(scope="module")
def node(new_node: Callable[[str], NodeCluster]) -> Kubernetes:
    cluster = new_node("images")
    cluster.start()
    return Kubernetes(cluster)


def pod(name: str, image: str, **container: Any) -> dict[str, Any]:
    main = {"name": "main", "image": image, "imagePullPolicy": "Always", **container}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [main], "terminationGracePeriodSeconds": 0},
    }


def test_an_image_of_ours_runs_restricted_and_answers(node: Kubernetes) -> None:
    wanted = rebuilt_images()["emulator"].wanted
    assert wanted is not None
    [made] = ensure_images([wanted]).values()
    node.apply(pod("emulator", made.reference, securityContext=RESTRICTED))
    found = eventually("the pod", lambda: running(node, "emulator"))
    assert found.status.container_statuses[0].image_id.endswith(made.digest)
    assert page(f"{found.status.pod_ip}:8090", "/health")


def test_an_image_that_is_not_here_is_not_looked_for_elsewhere(node: Kubernetes) -> None:
    node.apply(pod("nowhere", "docker.io/library/nowhere:1"))

    def reason() -> str:
        statuses = node.core.read_namespaced_pod("nowhere", "default").status.container_statuses or ()
        return next((status.state.waiting.message or "" for status in statuses if status.state.waiting), "")

    assert "docker.io/library/nowhere:1: not found" in eventually("the refusal", reason)


def test_a_new_pod_gets_what_a_name_stands_for_now(node: Kubernetes, image: None, tmp_path: Path) -> None:
    for words in ("first", "second"):
        (tmp_path / "words").write_text(words, encoding="utf-8")
        files = {"/bin/busybox": str(shutil.which("busybox")), "/words": "words"}
        recipe = Recipe(files=files, entrypoint=("/bin/busybox", "cat", "/words"))
        ensure_images([WantedImage("sandtable.dev/test/words:1", recipe, tmp_path)])
        node.apply(pod(words, "sandtable.dev/test/words:1"))
        eventually(f"the pod {words}", lambda name=words: log(node, name) == name)


def test_a_pod_reads_images_by_the_name_of_the_registry(node: Kubernetes, image: None) -> None:
    script = f"wget -q -O /dev/null http://{registry.IN_PODS}/v2/ && echo read"
    node.apply(pod("reader", IMAGE, command=["sh", "-c", script]))
    assert eventually("the answer", lambda: log(node, "reader")).strip() == "read"


def running(node: Kubernetes, name: str) -> Any:
    found = node.core.read_namespaced_pod(name, "default")
    return found if found.status.container_statuses and found.status.container_statuses[0].ready else None


def log(node: Kubernetes, name: str) -> str:
    from kubernetes.client import ApiException

    try:
        return str(node.core.read_namespaced_pod_log(name, "default"))
    except ApiException:  # it has not started yet
        return ""
