"""Staging and prod on the embedded cluster, which takes what dev has none of: GPU pools, spot pools, autoscalers, several replicas."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from kubernetes import client, config

from stacks.clusters import Cluster, open_cluster
from stacks.deployment import Deployment
from stacks.environment.file import load
from stacks.graph.sources import from_program

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


@pytest.mark.parametrize("name", ["staging", "prod"])
def test_it_is_deployed_whole_and_a_second_up_changes_nothing_and_down_leaves_nothing(
    new_root: Callable[..., Path], keep: Callable[[Cluster], None], name: str
) -> None:
    root = new_root(name)
    environment = load(name, root=root)
    declared = from_program(environment)
    cluster = open_cluster(environment, root)
    keep(cluster)
    cluster.start()
    deployment = Deployment(environment, cluster=cluster, root=root)
    assert deployment.up().changes == {"create": len(declared)}
    assert deployment.graph().digest == declared.digest
    assert set(deployment.up().changes) == {"same"}
    connection = config.new_client_from_config(str(cluster.kubeconfig), cluster.context)
    engines = client.AppsV1Api(connection).read_namespaced_deployment("ai-stack", "ai")
    assert engines.status.ready_replicas == engines.spec.replicas == environment.ai_stack.replicas
    assert deployment.down().changes == {"delete": len(declared)}
    cluster.delete()
