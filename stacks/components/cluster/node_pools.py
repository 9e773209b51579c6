"""Node pools. On the embedded cluster each node is a Node object that KWOK plays; elsewhere a pool is a NodePool of Karpenter.

Rule 1: what the scheduler, the twin and the cost need is written on the nodes themselves (``stacks/labels.py``).
Rule 2: GPU nodes and spot nodes are tainted: nobody lands there by accident.
Rule 3: a pool is declared with its smallest number of nodes; growing it is an autoscaler's work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pulumi_kubernetes as k8s

from stacks import labels
from stacks.components.component import Component
from stacks.components.pods import cpu_quantity, memory_quantity

if TYPE_CHECKING:
    import pulumi

    from stacks.environment import Environment, NodePool

#: The kubelet's own default; the scheduler refuses more pods than this.
_PODS_PER_NODE = 110


class NodePools(Component):
    """The nodes that an environment starts with."""

    KIND: ClassVar = "cluster:NodePools"
    APP: ClassVar = "node-pools"

    nodes: list[k8s.core.v1.Node]

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        self.nodes = []
        if environment.cluster.provider == "embedded":
            self.nodes = [self._node(pool, index) for pool in environment.node_pools for index in range(pool.min_nodes)]
        else:
            for pool in environment.node_pools:
                self._karpenter_pool(pool)
        self.register_outputs({"pools": [pool.name for pool in environment.node_pools]})

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

    def _karpenter_pool(self, pool: NodePool) -> None:
        """Declare the pool for Karpenter (karpenter.sh/v1), which must be installed, with an EC2NodeClass called ``default``.

        Clusters whose nodes are made by something else keep their nodes: label them as ``stacks/labels.py`` says.
        """
        limits = {"nvidia.com/gpu": str(pool.gpu.per_node * pool.max_nodes)} if pool.gpu else {}
        requirements = {
            "node.kubernetes.io/instance-type": [pool.instance_type],
            "topology.kubernetes.io/zone": self._zones(pool),
            "karpenter.sh/capacity-type": [pool.purchase],
        }
        k8s.apiextensions.CustomResource(
            pool.name,
            api_version="karpenter.sh/v1",
            kind="NodePool",
            metadata=self.metadata(
                pool.name, part=pool.name, extra_labels=_pool_labels(pool), annotations={**self._pool_annotations(pool), **_capacity(pool)}
            ),
            spec={
                "template": {
                    "metadata": {"labels": _pool_labels(pool)},
                    "spec": {
                        "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default"},
                        "requirements": [{"key": key, "operator": "In", "values": values} for key, values in requirements.items()],
                        "taints": _taints(pool),
                        "expireAfter": "720h",
                    },
                },
                # GPU nodes take minutes to come up and pods on them minutes to load: let a short lull pass.
                "disruption": {"consolidationPolicy": "WhenEmpty", "consolidateAfter": "15m" if pool.gpu else "1m"},
                "limits": {"cpu": str(pool.vcpu_per_node * pool.max_nodes), **limits},
            },
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
