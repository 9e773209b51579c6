"""How the stack follows its environment: what a field adds, moves or takes away.

Variants are made of dev without the parts that can be switched off, because every build of a stack takes a second.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from stacks.environment import Environment
from stacks.environment.file import load
from stacks.graph import Graph, compare, labels
from stacks.graph.capacity import Amounts, nodes
from stacks.graph.capacity import pools as pools_of
from stacks.graph.sources import from_program
from stacks.pricing.costs import monthly_cost
from stacks.pricing.prices import PriceBook
from workloads.compression.spec import CompressionSpec
from workloads.reinforcement.spec import ReinforcementSpec

ROOT = Path(__file__).parents[2]


GPU_POOL = {
    "name": "gpu",
    "region": "east",
    "instance_type": "g6.xlarge",
    "gpu": {"model": "L4", "per_node": 2},
    "vcpu_per_node": 4,
    "memory_gib_per_node": 16,
    "min_nodes": 3,
    "max_nodes": 5,
    "purchase": "spot",
}
TWO_REGIONS = [{"name": "local", "zones": ["local-a"]}, {"name": "east", "cloud": "aws", "zones": ["east-a", "east-b"]}]
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
    assert quota.spec["hard"]["pods"] == "9"  # four engines, a gateway, an emulator, and one more of each while an update rolls


def test_vault_instead_of_openbao_changes_the_image_and_the_seal() -> None:
    graph = changed(secrets={"engine": "vault", "replicas": 3})
    servers, config = graph.find("StatefulSet", "vault"), graph.find("ConfigMap", "vault-config")
    assert servers is not None
    assert config is not None
    assert all("hashicorp/vault" in c["image"] for c in servers.containers())
    assert 'seal "static"' not in config.inputs["data"]["seal.hcl"]
    # People open it: nothing waits for the servers, and the setup lies beside them instead of in a Job.
    assert servers.annotations["pulumi.com/skipAwait"] == "true"
    assert graph.find("Job", "vault-setup") is None
    assert {"setup", "policies"} <= {volume["name"] for volume in servers.spec["template"]["spec"]["volumes"]}
    assert config.inputs["data"]["storage.hcl"].count("retry_join") == 3
    budget = graph.find("PodDisruptionBudget", "vault")
    assert budget is not None
    assert budget.spec["maxUnavailable"] == 1


def test_nodes_of_a_pool_are_spread_over_its_zones_and_marked() -> None:
    graph = changed(regions=TWO_REGIONS, node_pools=[*dev().model_dump()["node_pools"], GPU_POOL])
    found = [node for node in graph.objects("Node") if node.labels[labels.POOL] == "gpu"]
    assert [node.labels[labels.ZONE] for node in found] == ["east-a", "east-b", "east-a"]
    node = found[0]
    assert node.annotations[labels.PRICE] == "aws/east/g6.xlarge"
    assert (node.annotations[labels.POOL_MIN], node.annotations[labels.POOL_MAX]) == ("3", "5")
    assert (node.annotations[labels.CAPACITY_GPU], node.annotations[labels.CAPACITY_MEMORY]) == ("2", "16Gi")
    assert {taint["key"] for taint in node.spec["taints"]} == {labels.GPU_RESOURCE, labels.PURCHASE}
    assert graph.find("RuntimeClass", "nvidia") is not None
    assert "gpu-system" in namespaces(graph) - namespaces(base())


MINE = {"provider": "kubeconfig", "context": "mine"}


def test_on_a_cluster_of_ones_own_nodes_are_neither_made_nor_unknown() -> None:
    graph = changed(cluster=MINE)
    assert not list(graph.objects("Node", "NodePool"))
    (node,), (declared,) = nodes(graph), nodes(base())
    assert replace(node, labels={}) == replace(declared, labels={}), "the twin and the cost see the same"
    assert monthly_cost(graph, PriceBook.bundled()).unpriced == ()


def test_a_pool_that_starts_empty_is_told_with_its_price_and_has_no_node() -> None:
    pools = [*dev().model_dump()["node_pools"], {**GPU_POOL, "min_nodes": 0}]
    graph = changed(regions=TWO_REGIONS, node_pools=pools)
    assert "gpu" not in {node.pool for node in nodes(graph)}
    (gpu,) = (pool for pool in pools_of(graph) if pool.pool == "gpu")
    assert (gpu.price_reference, gpu.gpu_model, gpu.pool_min, gpu.pool_max) == ("aws/east/g6.xlarge", "L4", 0, 5)
    assert gpu.capacity == Amounts(4, 16, 2)
    assert {taint["key"] for taint in gpu.taints} == {labels.GPU_RESOURCE, labels.PURCHASE}


@pytest.mark.parametrize(
    ("cloud", "version", "kind"),
    [("aws", "karpenter.k8s.aws/v1", "EC2NodeClass"), ("azure", "karpenter.azure.com/v1beta1", "AKSNodeClass")],
)
def test_karpenter_is_told_pools_and_the_class_of_their_nodes(cloud: str, version: str, kind: str) -> None:
    pools = [{**dev().model_dump()["node_pools"][0], "region": "east"}, {**GPU_POOL, "purchase": "reserved"}]
    regions = [{**TWO_REGIONS[-1], "cloud": cloud}]
    graph = changed(cluster={**MINE, "node_pools_by": "karpenter"}, regions=regions, node_pools=pools)
    (node_class,) = graph.objects(kind)
    assert (node_class.inputs["apiVersion"], node_class.object_name) == (version, "dev")
    found = {pool.object_name: pool.spec["template"]["spec"] for pool in graph.objects("NodePool")}
    assert set(found) == {"laptop", "gpu"}
    reference = {"group": version.partition("/")[0], "kind": kind, "name": "dev"}
    assert all(spec["nodeClassRef"] == reference for spec in found.values())
    wanted = {requirement["key"]: requirement["values"] for requirement in found["gpu"]["requirements"]}
    assert wanted[labels.ZONE] == ["east-a", "east-b"]
    assert wanted["karpenter.sh/capacity-type"] == ["on-demand"], "a reservation is a discount, not another machine"
    assert [node.pool for node in nodes(graph)] == ["gpu", "gpu", "gpu", "laptop"]


def test_beside_a_real_node_the_stack_makes_only_those_with_gpus() -> None:
    laptop = {**base_pool(), "vcpu_per_node": 2}
    graph = changed(cluster={"provider": "node"}, regions=TWO_REGIONS, node_pools=[laptop, GPU_POOL])
    assert {resource.object_name for resource in graph.objects("Node")} == {"gpu-0", "gpu-1", "gpu-2"}
    assert {node.pool: node.capacity.cpu for node in nodes(graph) if node.capacity} == {"laptop": 2, "gpu": 4}, "the twin knows both"


def base_pool() -> dict[str, Any]:
    return dict(dev().node_pools[0].model_dump())


def test_karpenter_makes_no_nodes_where_it_has_none_to_make() -> None:
    with pytest.raises(ValueError, match="Karpenter makes no nodes in local, where pool laptop is; use `existing`, and label the nodes"):
        changed(cluster={**MINE, "node_pools_by": "karpenter"})
    with pytest.raises(ValueError, match="`node_pools_by` belong to `provider: kubeconfig`"):
        changed(cluster={"node_pools_by": "karpenter"})


def test_karpenter_makes_nodes_in_one_region() -> None:
    regions = [{"name": "west", "cloud": "aws", "zones": ["west-a"]}, TWO_REGIONS[-1]]
    pools = [{**dev().model_dump()["node_pools"][0], "region": "west"}, GPU_POOL]
    with pytest.raises(ValueError, match="the first pool is in west; give this pool a stack of its own"):
        changed(cluster={**MINE, "node_pools_by": "karpenter"}, regions=regions, node_pools=pools)


def test_a_replica_reads_its_model_from_the_claim_that_holds_it() -> None:
    section = dev().engine.model_dump() | {"model": "/models/llama.gguf", "model_claim": "models"}
    engines = changed(cluster=MINE, engine=section).find("Deployment", "ai-stack", "ai")
    assert engines is not None
    (volume,) = (volume for volume in engines.pod_spec["volumes"] if volume["name"] == "models")
    assert volume["persistentVolumeClaim"] == {"claimName": "models", "readOnly": True}
    (container,) = engines.containers()
    assert "--model=/models/llama.gguf" in container["args"]
    assert {"name": "models", "mountPath": "/models"}.items() <= next(m for m in container["volumeMounts"] if m["name"] == "models").items()


@pytest.mark.parametrize(
    ("cluster", "engine", "words"),
    [
        (MINE, {"model": "llama.gguf"}, "a replica cannot read a file of this machine: .*`engine.model_claim`"),
        (MINE, {"model": "llama.gguf", "model_claim": "models"}, "the claim is mounted at /models"),
        ({}, {"model": "/models/llama.gguf", "model_claim": "models"}, "belongs to `provider: kubeconfig`"),
    ],
)
def test_a_model_that_no_replica_could_read_is_refused(cluster: dict[str, str], engine: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        changed(cluster=cluster, engine=dev().engine.model_dump() | engine)


@pytest.mark.parametrize("kind", ["postgresql", "redis"])
def test_clients_reach_the_replica_that_takes_writes(kind: str) -> None:
    graph = changed(data_stores=[{"name": "store", "kind": kind, "pool": "laptop", "replicas": 3}])
    clients, peers = graph.find("Service", "store", "data"), graph.find("Service", "store-peers", "data")
    assert clients is not None
    assert peers is not None
    assert clients.spec["selector"] == {**peers.spec["selector"], "statefulset.kubernetes.io/pod-name": "store-0"}


def test_a_federation_server_with_a_gpu_has_its_runtime() -> None:
    pools = [*dev().model_dump()["node_pools"], {**GPU_POOL, "purchase": "on-demand"}]
    section = {"pool": "gpu", "client_pool": "laptop", "server_resources": {"cpu": 1, "memory_gib": 1, "gpu": 1}}
    server = changed(regions=TWO_REGIONS, node_pools=pools, federation=section).find("StatefulSet", "fl-server")
    assert server is not None
    assert server.pod_spec["runtimeClassName"] == "nvidia"


@pytest.mark.parametrize("replicas", [1, 4])
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


def test_the_projects_training_programs_get_the_arguments_of_their_spec() -> None:
    learning = {"name": "learn", "pool": "laptop", "reinforcement": {"algorithm": "dqn", "steps": 500, "seeds": 5}}
    shrinking = {"name": "shrink", "pool": "laptop", "compression": {"order": "both"}}
    graph = changed(training=[learning, shrinking])
    found = {}
    for name in ("learn", "shrink"):
        job = graph.find("Job", name, "training")
        assert job is not None
        (container,) = job.containers()
        found[container["name"]] = container
    learned = ReinforcementSpec.from_args(found["reinforcement"]["args"])
    made = CompressionSpec.from_args(found["compression"]["args"])
    assert replace(learned, out="") == ReinforcementSpec("dqn", "CartPole-v1", 500, 5, out="", metrics_address="0.0.0.0:9464")
    assert replace(made, out="") == CompressionSpec("both", out="", metrics_address="0.0.0.0:9464")
    assert re.fullmatch(r"/checkpoints/[0-9a-f]{12}", learned.out)
    assert graph.find("PersistentVolumeClaim", "checkpoints-learn", "training") is not None
    other = changed(training=[{**learning, "reinforcement": {"algorithm": "dqn", "steps": 600}}]).find("Job", "learn", "training")
    assert other is not None
    assert learned.out not in str(other.inputs)
    assert found["compression"]["ports"] == [{"name": "metrics", "containerPort": 9464, "protocol": "TCP"}]
    assert "/sandtable/compression:" in found["compression"]["image"]


@pytest.mark.parametrize(
    ("job", "problem"),
    [
        ({"reinforcement": {}, "compression": {}}, "make two training jobs of it"),
        ({"reinforcement": {}, "workers": 2}, "run in one process"),
        ({"reinforcement": {"environment": "../x y"}}, "environment"),
        ({"compression": {"order": "backwards"}}, "sensible"),
    ],
)
def test_a_training_job_that_cannot_be_is_refused(job: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        changed(training=[{"name": "a", "pool": "laptop", **job}])


def test_checkpoints_outlive_a_node_where_there_is_an_object_store() -> None:
    stores = [{"name": "artifacts", "kind": "object-store", "pool": "laptop"}]
    job = changed(training=[{"name": "once", "pool": "laptop"}], data_stores=stores).find("Job", "once")
    assert job is not None
    (container,) = job.containers()
    assert {"name": "CHECKPOINT_URL", "value": "s3://checkpoints/once"} in container["env"]


def test_clients_of_the_federation_may_run_on_spot_nodes_and_the_server_not() -> None:
    pools = [*dev().model_dump()["node_pools"], {**dev().model_dump()["node_pools"][0], "name": "edge", "purchase": "spot"}]
    graph = changed(node_pools=pools, federation={"pool": "laptop", "client_pool": "edge", "clients": 2})
    server, clients = graph.find("StatefulSet", "fl-server"), graph.find("StatefulSet", "fl-client")
    assert server is not None
    assert clients is not None
    assert clients.pod_spec["nodeSelector"] == {labels.POOL: "edge"}
    assert [toleration["key"] for toleration in clients.pod_spec["tolerations"]] == [labels.PURCHASE]
    assert "tolerations" not in server.pod_spec
    assert clients.spec["replicas"] == 2


def test_crossplane_gets_certificates_that_exist_and_is_asked_where_it_answers() -> None:
    core, manager = base().find("Deployment", "crossplane"), base().find("Deployment", "crossplane-rbac-manager")
    assert core is not None
    assert manager is not None
    pod = core.spec["template"]["spec"]
    secrets = {volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
    filled = {variable.get("value") for variable in pod["initContainers"][0]["env"]}
    assert secrets == {"crossplane-tls-client"} <= filled
    assert all(base().find("Secret", name) is not None for name in ("crossplane-root-ca", "crossplane-tls-client"))
    (main,) = manager.spec["template"]["spec"]["containers"]
    assert main["readinessProbe"]["httpGet"] == {"path": "/metrics", "port": "metrics", "scheme": "HTTP"}
    assert "livenessProbe" not in main
    allowed = main["args"][-1].removeprefix("--provider-clusterrole=")
    assert base().find("ClusterRole", allowed) is not None


def test_the_secrets_engine_is_set_up_by_a_login_made_for_it() -> None:
    graph = changed(secrets={"engine": "openbao"})
    job = graph.find("Job", "vault-setup")
    assert job is not None
    pod = job.spec["template"]["spec"]
    (token,) = (volume["projected"]["sources"][0]["serviceAccountToken"] for volume in pod["volumes"] if "projected" in volume)
    assert token["audience"] == "vault"
    assert pod["automountServiceAccountToken"] is False
    maps = {volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume}
    assert maps == {"vault-setup", "vault-policies"}
    servers = graph.find("StatefulSet", "vault")
    assert servers is not None
    helper = servers.spec["template"]["spec"]["initContainers"][0]
    assert helper["startupProbe"]["httpGet"]["path"] == "/ready", "the server starts when its certificate is written"
