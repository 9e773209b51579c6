"""Node pools: one object tells each, whoever makes its nodes; on the embedded cluster the nodes are made here, and KWOK plays them.

Rule 1: what the scheduler, the twin and the cost need is written on the nodes themselves and on the pool's own object, in the same
words (``stacks/labels.py``). The object is there for a pool without nodes, too, and for nodes that are not ours.
Rule 2: GPU nodes and spot nodes are tainted: nobody lands there by accident.
Rule 3: a pool is declared with its smallest number of nodes; growing it is an autoscaler's work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pulumi_kubernetes as k8s

from stacks import labels
from stacks.components import places
from stacks.components.cluster.karpenter import node_class, node_pool
from stacks.components.component import Component
from stacks.components.pods import cpu_quantity, memory_quantity

if TYPE_CHECKING:
    import pulumi

    from stacks.environment import Environment, NodePool

#: The kubelet's own default; the scheduler refuses more pods than this.
_PODS_PER_NODE = 110


class NodePools(Component):
    """The pools, and the nodes that an environment starts with where they are ours to make."""

    KIND: ClassVar = "cluster:NodePools"
    APP: ClassVar = "node-pools"

    pools: list[k8s.core.v1.ConfigMap]
    nodes: list[k8s.core.v1.Node]

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        self.made_by = environment.cluster.node_pools_by if environment.cluster.provider == "kubeconfig" else labels.NODES_OF_THE_STACK
        self.pools = [self._pool(pool) for pool in environment.node_pools]
        self.nodes = []
        if self.made_by == labels.NODES_OF_THE_STACK:
            self.nodes = [self._node(pool, index) for pool in environment.node_pools for index in range(pool.min_nodes)]
        elif self.made_by == "karpenter":
            classes = node_class(self, environment.region(environment.node_pools[0].region).cloud)
            for pool in environment.node_pools:
                node_pool(self, pool, classes, pool_labels=_pool_labels(pool), zones=self._zones(pool), taints=_taints(pool))
        self.register_outputs({"pools": [pool.name for pool in environment.node_pools]})

    def _pool(self, pool: NodePool) -> k8s.core.v1.ConfigMap:
        return self.config_map(
            f"node-pool-{pool.name}",
            places.NODE_POOLS,
            part=pool.name,
            extra_labels={**_pool_labels(pool), labels.REGION: pool.region, labels.INSTANCE_TYPE: pool.instance_type},
            annotations={**self._pool_annotations(pool), **_capacity(pool), labels.NODES_MADE_BY: self.made_by},
            data={"zones": self._zones(pool), "taints": _taints(pool)},
        )

    def _node(self, pool: NodePool, index: int) -> k8s.core.v1.Node:
        zones = self._zones(pool)
        name = f"{pool.name}-{index}"
        taints = [k8s.core.v1.TaintArgs(key=taint["key"], value=taint["value"], effect=taint["effect"]) for taint in _taints(pool)]
        return k8s.core.v1.Node(
            name,
            metadata=self.metadata(
                name,
                part=pool.name,
                extra_labels={
                    **_pool_labels(pool),
                    labels.REGION: pool.region,
                    labels.ZONE: zones[index % len(zones)],
                    labels.INSTANCE_TYPE: pool.instance_type,
                    "kubernetes.io/hostname": name,
                    "kubernetes.io/os": "linux",
                    "kubernetes.io/arch": "amd64",
                },
                annotations={**self._pool_annotations(pool), **_capacity(pool), labels.KWOK_NODE: "fake"},
            ),
            spec=k8s.core.v1.NodeSpecArgs(taints=taints) if taints else None,
            opts=self.options(),
        )

    def _zones(self, pool: NodePool) -> list[str]:
        return pool.zones or self.environment.region(pool.region).zones

    def _pool_annotations(self, pool: NodePool) -> dict[str, str]:
        region = self.environment.region(pool.region)
        return {
            labels.POOL_MIN: str(pool.min_nodes),
            labels.POOL_MAX: str(pool.max_nodes),
            labels.PRICE: f"{region.cloud}/{region.name}/{pool.instance_type}",
        }


def _pool_labels(pool: NodePool) -> dict[str, str]:
    gpu = {labels.GPU_MODEL: pool.gpu.model, labels.GPU_PRESENT: "true"} if pool.gpu else {}
    return {labels.POOL: pool.name, labels.PURCHASE: pool.purchase, **gpu}


def _capacity(pool: NodePool) -> dict[str, str]:
    gpu = {labels.CAPACITY_GPU: str(pool.gpu.per_node)} if pool.gpu else {}
    return {
        labels.CAPACITY_CPU: cpu_quantity(pool.vcpu_per_node),
        labels.CAPACITY_MEMORY: memory_quantity(pool.memory_gib_per_node * 1024),
        labels.CAPACITY_PODS: str(_PODS_PER_NODE),
        **gpu,
    }


def _taints(pool: NodePool) -> list[dict[str, str]]:
    taints = []
    if pool.gpu:
        taints.append({"key": labels.GPU_RESOURCE, "value": "present", "effect": "NoSchedule"})
    if pool.purchase == "spot":
        taints.append({"key": labels.PURCHASE, "value": "spot", "effect": "NoSchedule"})
    return taints
