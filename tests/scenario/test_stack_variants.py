"""How the stack follows its environment: what a field adds, moves or takes away.

Variants are made of dev without the parts that can be switched off, because every build of a stack takes a second.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from stacks import labels
from stacks.environment import Environment
from stacks.environment_file import load
from stacks.graph import Graph, compare
from stacks.sources import from_program

ROOT = Path(__file__).parents[2]


OFF = {"secrets": {"engine": "none"}, "messaging": {"kind": "none"}, "runtime_rules": {"enabled": False}, "data_stores": []}


@cache
def dev() -> Environment:
    return load("dev", root=ROOT)


@cache
def base() -> Graph:
    return changed()


def changed(**fields: Any) -> Graph:
    return from_program(Environment.model_validate({**dev().model_dump(), **OFF, **fields}))


def namespaces(graph: Graph) -> set[str]:
    return {r.object_name for r in graph.objects("Namespace")}


def test_what_is_switched_off_leaves_nothing_behind() -> None:
    gone = {"vault", "messaging", "falco", "data"}
    assert namespaces(from_program(dev())) - namespaces(base()) == gone
    assert not [r.label for r in base().objects() if r.namespace in gone]
    assert base().find("ClusterSPIFFEID", "vault") is None


def test_a_second_build_has_the_same_digest() -> None:
    assert changed().digest == base().digest


def test_one_more_replica_changes_the_deployment_and_its_quota() -> None:
    section = dev().ai_stack.model_dump() | {"replicas": 2}
    difference = compare(base(), changed(ai_stack=section))
    assert not difference.added
    assert not difference.removed
    assert difference.changed["Deployment ai/ai-stack"] == ("spec.replicas",)
    assert set(difference.changed) == {"Deployment ai/ai-stack", "ResourceQuota ai/requests"}


def test_an_autoscaler_and_a_disruption_budget_come_when_they_are_asked_for() -> None:
    section = dev().ai_stack.model_dump() | {"replicas": 2, "min_available": 1, "autoscaling": {"min_replicas": 2, "max_replicas": 4}}
    graph = changed(ai_stack=section)
    scaler = graph.find("HorizontalPodAutoscaler", "ai-stack", "ai")
    assert scaler is not None
    assert (scaler.spec["minReplicas"], scaler.spec["maxReplicas"]) == (2, 4)
    assert graph.find("PodDisruptionBudget", "ai-stack", "ai") is not None
    quota = graph.find("ResourceQuota", "requests", "ai")
    assert quota is not None
    assert quota.spec["hard"]["pods"] == "5"  # four, and one more while an update rolls


def test_vault_instead_of_openbao_changes_the_image_and_the_seal() -> None:
    graph = changed(secrets={"engine": "vault", "replicas": 3})
    servers, config = graph.find("StatefulSet", "vault"), graph.find("ConfigMap", "vault-config")
    assert servers is not None
    assert config is not None
    assert {c["image"].rpartition(":")[0] for c in servers.containers()} == {"hashicorp/vault"}
    assert 'seal "transit"' in config.inputs["data"]["seal.hcl"]
    assert config.inputs["data"]["storage.hcl"].count("retry_join") == 3
    budget = graph.find("PodDisruptionBudget", "vault")
    assert budget is not None
    assert budget.spec["maxUnavailable"] == 1


def test_nodes_of_a_pool_are_spread_over_its_zones_and_marked() -> None:
    pool = {
        "name": "gpu",
        "region": "east",
        "instance_type": "g6.xlarge",
        "gpu": {"model": "L4", "per_node": 2, "memory_gib": 24},
        "vcpu_per_node": 4,
        "memory_gib_per_node": 16,
        "min_nodes": 3,
        "max_nodes": 5,
        "purchase": "spot",
    }
    regions = [*dev().model_dump()["regions"], {"name": "east", "cloud": "aws", "zones": ["east-a", "east-b"]}]
    graph = changed(regions=regions, node_pools=[*dev().model_dump()["node_pools"], pool])
    found = [node for node in graph.objects("Node") if node.labels[labels.POOL] == "gpu"]
    assert [node.labels[labels.ZONE] for node in found] == ["east-a", "east-b", "east-a"]
    node = found[0]
    assert node.annotations[labels.PRICE] == "aws/east/g6.xlarge"
    assert (node.annotations[labels.POOL_MIN], node.annotations[labels.POOL_MAX]) == ("3", "5")
    assert (node.annotations[labels.CAPACITY_GPU], node.annotations[labels.CAPACITY_MEMORY]) == ("2", "16Gi")
    assert {taint["key"] for taint in node.spec["taints"]} == {labels.GPU_RESOURCE, labels.PURCHASE}
    assert graph.find("RuntimeClass", "nvidia") is not None
    assert "gpu-system" in namespaces(graph) - namespaces(base())


def test_on_a_cluster_of_ones_own_pools_are_karpenters() -> None:
    graph = changed(cluster={"provider": "kubeconfig", "context": "mine"})
    assert not list(graph.objects("Node"))
    (pool,) = graph.objects("NodePool")
    assert pool.inputs["apiVersion"] == "karpenter.sh/v1"
    assert pool.annotations[labels.PRICE] == "local/local/laptop"
    assert pool.spec["template"]["metadata"]["labels"][labels.POOL] == "laptop"


@pytest.mark.parametrize("replicas", [1, 3, 4])
def test_an_object_store_codes_over_its_servers_when_there_are_enough(replicas: int) -> None:
    stores = [{"name": "artifacts", "kind": "object-store", "pool": "laptop", "replicas": replicas}]
    servers = changed(data_stores=stores).find("StatefulSet", "artifacts", "data")
    assert servers is not None
    (container,) = servers.containers()
    assert ("{0...3}" in container["args"][1]) == (replicas == 4)


def test_two_stores_of_one_kind_do_not_share_pods() -> None:
    stores = [{"name": name, "kind": "redis", "pool": "laptop"} for name in ("sessions", "cache")]
    graph = changed(data_stores=stores)
    selectors = [graph.find("Service", name, "data").spec["selector"] for name in ("sessions", "cache")]  # type: ignore[union-attr]
    assert selectors[0] != selectors[1]


def test_training_runs_become_jobs_and_cron_jobs() -> None:
    runs = [{"name": "once", "pool": "laptop", "workers": 2}, {"name": "nightly", "pool": "laptop", "schedule": "0 2 * * *"}]
    graph = changed(training=runs)
    once, nightly = graph.find("Job", "once", "training"), graph.find("CronJob", "nightly", "training")
    assert once is not None
    assert nightly is not None
    assert (once.spec["parallelism"], once.spec["completions"]) == (2, 2)
    assert once.annotations["pulumi.com/skipAwait"] == "true"
    assert nightly.spec["concurrencyPolicy"] == "Forbid"
    assert once.spec["podFailurePolicy"]["rules"][0]["action"] == "Ignore"
    assert not [variable for container in once.containers() for variable in container["env"] if variable["name"] == "CHECKPOINT_URL"]


def test_checkpoints_outlive_a_node_where_there_is_an_object_store() -> None:
    stores = [{"name": "artifacts", "kind": "object-store", "pool": "laptop"}]
    job = changed(training=[{"name": "once", "pool": "laptop"}], data_stores=stores).find("Job", "once")
    assert job is not None
    (container,) = job.containers()
    assert {"name": "CHECKPOINT_URL", "value": "s3://checkpoints/once"} in container["env"]


def test_clients_of_the_federation_may_run_on_spot_nodes_and_the_server_not() -> None:
    pools = [*dev().model_dump()["node_pools"], {**dev().model_dump()["node_pools"][0], "name": "edge", "purchase": "spot"}]
    graph = changed(node_pools=pools, federation={"pool": "laptop", "client_pool": "edge", "clients": 2})
    server, clients = graph.find("StatefulSet", "fl-server"), graph.find("Deployment", "fl-client")
    assert server is not None
    assert clients is not None
    assert clients.pod_spec["nodeSelector"] == {labels.POOL: "edge"}
    assert [toleration["key"] for toleration in clients.pod_spec["tolerations"]] == [labels.PURCHASE]
    assert "tolerations" not in server.pod_spec
    assert clients.spec["replicas"] == 2
