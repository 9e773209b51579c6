"""``up`` on a real node: it waits until containers are ready, and tells why one is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest

from stacks.deployment import Deployment
from stacks.environment import Cluster as ClusterSettings
from stacks.environment.file import load
from stacks.errors import DeploymentError
from tests.e2e.node.conftest import Kubernetes, container, eventually

pytestmark = [pytest.mark.platform, pytest.mark.timeout(900)]


def deployment(kubernetes: Kubernetes, root: Path, name: str, script: str, within: str) -> Deployment:
    """A stack of one Deployment, whose container becomes ready with the file ``/tmp/ready``."""
    probe = {"exec": {"command": ["cat", "/tmp/ready"]}, "periodSeconds": 1}  # inside the container
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [container("sh", "-c", script) | {"readinessProbe": probe}]},
    }
    spec: Any = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template}

    def program() -> None:
        cluster = kubernetes.cluster
        provider = k8s.Provider("cluster", kubeconfig=str(cluster.kubeconfig), context=cluster.context)
        options = pulumi.ResourceOptions(provider=provider, custom_timeouts=pulumi.CustomTimeouts(create=within))
        k8s.apps.v1.Deployment(name, metadata={"name": name, "namespace": "default"}, spec=spec, opts=options)

    environment = load("dev", root=root).model_copy(update={"cluster": ClusterSettings(provider="node")})
    return Deployment(environment, cluster=kubernetes.cluster, root=root, program=program)


def test_up_waits_for_the_container_to_be_ready(kubernetes: Kubernetes, new_root: Callable[..., Path]) -> None:
    update = deployment(kubernetes, new_root("dev"), "slow", "sleep 3 && touch /tmp/ready && exec sleep 600", "2m").up()
    assert update.seconds > 3
    [pod] = kubernetes.pods("slow")
    assert pod.status.container_statuses[0].ready


def test_a_container_that_fails_is_told_with_reason_events_and_last_words(kubernetes: Kubernetes, new_root: Callable[..., Path]) -> None:
    with pytest.raises(DeploymentError, match=r"\n  pod default/broken-"):
        deployment(kubernetes, new_root("dev"), "broken", "echo the configuration is missing && exit 3", "20s").up()
    # How far the kubelet has come by then is the machine's affair; what is told of a container that goes on failing is not.
    wanted = (
        "container main: CrashLoopBackOff, ended with exit code 3 (Error), restarted",
        "event: BackOff: Back-off restarting failed container",
        "log: the configuration is missing",
    )

    def all_told() -> bool:
        told = "\n".join(kubernetes.unready())
        return all(words in told for words in wanted)

    eventually("reason, event and last words", all_told)
