"""Node pools: one ConfigMap describes each pool, whoever provisions its nodes; for Karpenter there is a NodePool, too.

Rule 1: what the scheduler, the twin and the cost need is on the nodes themselves (``nodes.py``) and on the pool's own object, under the
same labels and annotations (``stacks/graph/labels.py``). The object also covers pools without nodes, and nodes that are not ours.
Rule 2: GPU nodes and spot nodes are tainted, so that no pod is scheduled there by accident.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from stacks.components import places
from stacks.components.cluster.karpenter import node_class, node_pool
from stacks.components.component import Component
from stacks.components.pods import cpu_quantity, memory_quantity
from stacks.graph import labels

if TYPE_CHECKING:
    import pulumi
    import pulumi_kubernetes as k8s

    from stacks.environment import Environment, NodePool

#: The kubelet's default; the scheduler puts no more pods on a node.
_PODS_PER_NODE = 110


class NodePools(Component):
    """The pools of an environment."""

    KIND: ClassVar = "cluster:NodePools"
    APP: ClassVar = "node-pools"

    pools: list[k8s.core.v1.ConfigMap]

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        self.pools = [self._pool(pool) for pool in environment.node_pools]
        if environment.cluster.node_pools_by == "karpenter":
            classes = node_class(self, environment.region(environment.node_pools[0].region).cloud)
            for pool in environment.node_pools:
                node_pool(self, pool, classes, pool_labels=pool_labels(pool), zones=zones(environment, pool), taints=taints(pool))
        self.register_outputs({"pools": [pool.name for pool in environment.node_pools]})

    def _pool(self, pool: NodePool) -> k8s.core.v1.ConfigMap:
        return self.config_map(
            f"node-pool-{pool.name}",
            places.NODE_POOLS,
            part=pool.name,
            extra_labels={**pool_labels(pool), labels.REGION: pool.region, labels.INSTANCE_TYPE: pool.instance_type},
            annotations={**pool_annotations(self.environment, pool), labels.NODES_MADE_BY: nodes_made_by(self.environment, pool)},
            data={"zones": zones(self.environment, pool), "taints": taints(pool)},
        )


def nodes_made_by(environment: Environment, pool: NodePool) -> str:
    """Return what provisions a pool's nodes: the stack itself (the simulated ones), ``karpenter``, or ``existing`` for neither."""
    if environment.cluster.provider == "kubeconfig":
        return environment.cluster.node_pools_by
    real = environment.cluster.provider == "node" and pool.gpu is None
    return "existing" if real else labels.NODES_OF_THE_STACK


def zones(environment: Environment, pool: NodePool) -> list[str]:
    """Return the zones that the pool's nodes are spread over."""
    return pool.zones or environment.region(pool.region).zones


def pool_labels(pool: NodePool) -> dict[str, str]:
    """Return the labels of the pool's object and of each of its nodes."""
    gpu = {labels.GPU_MODEL: pool.gpu.model, labels.GPU_PRESENT: "true"} if pool.gpu else {}
    return {labels.POOL: pool.name, labels.PURCHASE: pool.purchase, **gpu}


def pool_annotations(environment: Environment, pool: NodePool) -> dict[str, str]:
    """Return the annotations of the pool's object and nodes: the pool's bounds, its price and one node's capacity."""
    region = environment.region(pool.region)
    gpu = {labels.CAPACITY_GPU: str(pool.gpu.per_node)} if pool.gpu else {}
    return {
        labels.POOL_MIN: str(pool.min_nodes),
        labels.POOL_MAX: str(pool.max_nodes),
        labels.PRICE: f"{region.cloud}/{region.name}/{pool.instance_type}",
        labels.CAPACITY_CPU: cpu_quantity(pool.vcpu_per_node),
        labels.CAPACITY_MEMORY: memory_quantity(pool.memory_gib_per_node * 1024),
        labels.CAPACITY_PODS: str(_PODS_PER_NODE),
        **gpu,
    }


def taints(pool: NodePool) -> list[dict[str, str]]:
    """Return the taints of the pool's nodes."""
    found = []
    if pool.gpu:
        found.append({"key": labels.GPU_RESOURCE, "value": "present", "effect": "NoSchedule"})
    if pool.purchase == "spot":
        found.append({"key": labels.PURCHASE, "value": "spot", "effect": "NoSchedule"})
    return found
