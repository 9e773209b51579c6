"""Building blocks of the rules' example stacks: manifests with only the fields that a rule reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stacks.graph import labels

Manifest = dict[str, Any]


def node(
    name: str,
    *,
    pool: str = "cpu",
    region: str = "us-east-1",
    instance_type: str = "c6i.2xlarge",
    cpu: int = 8,
    memory: str = "16Gi",
    gpus: int = 0,
    gpu_model: str | None = None,
) -> Manifest:
    """Return a Node as the stack declares it."""
    gpu_labels = {labels.GPU_PRESENT: "true", labels.GPU_MODEL: gpu_model} if gpu_model else {}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {labels.POOL: pool, labels.REGION: region, labels.INSTANCE_TYPE: instance_type, **gpu_labels},
            "annotations": {
                labels.PRICE: f"aws/{region}/{instance_type}",
                labels.CAPACITY_CPU: str(cpu),
                labels.CAPACITY_MEMORY: memory,
                labels.CAPACITY_GPU: str(gpus),
            },
        },
    }


def pool_object(like: Manifest) -> Manifest:
    """Return the ConfigMap that describes the pool of a Node ``like`` this one, without its nodes."""
    metadata = like["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {**metadata, "name": f"node-pool-{metadata['labels'][labels.POOL]}", "namespace": "node-pools"},
        "data": {"zones": "[]", "taints": "[]"},
    }


def workload(
    kind: str,
    name: str,
    *,
    replicas: int = 1,
    image: str = "app:1.0.0",
    requests: Mapping[str, Any] | None = None,
    selector: Mapping[str, str] | None = None,
    role: str | None = None,
) -> Manifest:
    """Return a Deployment or a StatefulSet in namespace ``app`` whose pods carry the label ``app: <name>``."""
    pod_labels = {"app": name, **({labels.ROLE: role} if role else {})}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "app"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": pod_labels},
                "spec": {
                    "nodeSelector": dict(selector or {}),
                    "containers": [{"name": name, "image": image, "resources": {"requests": dict(requests or {})}}],
                },
            },
        },
    }


def budget(name: str, **spec: Any) -> Manifest:
    """Return a PodDisruptionBudget over the pods of the workload ``name``."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": "app"},
        "spec": {"selector": {"matchLabels": {"app": name}}, **spec},
    }


def autoscaler(name: str, *, least: int) -> Manifest:
    """Return a HorizontalPodAutoscaler of the Deployment ``name`` that keeps at least ``least`` replicas."""
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": "app"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": name}, "minReplicas": least, "maxReplicas": 9},
    }


def pool(name: str = "cpu", *, region: str = "us-east-1", **fields: Any) -> dict[str, Any]:
    """Return a node pool of an environment."""
    return {"name": name, "region": region, "instance_type": "c6i.2xlarge", "vcpu_per_node": 8, "memory_gib_per_node": 16, **fields}


def environment(name: str = "prod", *, regions: Mapping[str, bool] | None = None, **fields: Any) -> dict[str, Any]:
    """Return an environment whose pods all belong to the pool ``cpu``; ``regions`` say where data is allowed."""
    return {
        "name": name,
        "regions": [
            {"name": region, "cloud": "aws", "zones": [region + "a"], "data_allowed": allowed}
            for region, allowed in (regions or {"us-east-1": True}).items()
        ],
        "node_pools": [pool()],
        "ai_stack": {"pool": "cpu"},
        "federation": {"pool": "cpu"},
        "messaging": {"pool": "cpu"},
        **fields,
    }
