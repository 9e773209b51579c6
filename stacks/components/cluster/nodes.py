"""The nodes that KWOK simulates: all of the embedded cluster, those with GPUs beside a real node. Others exist, or Karpenter makes them.

Rule 1: a pool is declared with its minimum number of nodes; growing it is the autoscaler's job.
Rule 2: nodes are created before everything that runs on them, and deleted after it. Nothing terminates a pod on a deleted node, and its
namespace waits until pod garbage collection finds the pod after a minute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pulumi_kubernetes as k8s

from stacks.components.cluster.node_pools import nodes_made_by, pool_annotations, pool_labels, taints, zones
from stacks.components.component import Component
from stacks.graph import labels

if TYPE_CHECKING:
    import pulumi

    from stacks.environment import Environment, NodePool


class Nodes(Component):
    """The nodes that an environment starts with."""

    KIND: ClassVar = "cluster:Nodes"
    APP: ClassVar = "node-pools"

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        ours = [pool for pool in environment.node_pools if nodes_made_by(environment, pool) == labels.NODES_OF_THE_STACK]
        declared = [self._node(pool, index) for pool in ours for index in range(pool.min_nodes)]
        self.register_outputs({"count": len(declared)})

    def _node(self, pool: NodePool, index: int) -> k8s.core.v1.Node:
        places = zones(self.environment, pool)
        name = f"{pool.name}-{index}"
        tainted = [k8s.core.v1.TaintArgs(key=taint["key"], value=taint["value"], effect=taint["effect"]) for taint in taints(pool)]
        return k8s.core.v1.Node(
            name,
            metadata=self.metadata(
                name,
                part=pool.name,
                extra_labels={
                    **pool_labels(pool),
                    labels.REGION: pool.region,
                    labels.ZONE: places[index % len(places)],
                    labels.INSTANCE_TYPE: pool.instance_type,
                    "kubernetes.io/hostname": name,
                    "kubernetes.io/os": "linux",
                    "kubernetes.io/arch": "amd64",
                },
                annotations={**pool_annotations(self.environment, pool), labels.KWOK_NODE: "fake"},
            ),
            spec=k8s.core.v1.NodeSpecArgs(taints=tainted) if tainted else None,
            opts=self.options(),
        )
