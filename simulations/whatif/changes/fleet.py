"""The nodes of a graph, replaced: with other machines, or fewer of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stacks.graph import Graph, Resource, labels
from stacks.graph.capacity import offers_nodes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stacks.graph.capacity import Node


def with_nodes(graph: Graph, wanted: Iterable[Node]) -> Graph:
    """Return ``graph`` with exactly these nodes."""
    others = [r for r in graph if r.kind != "Node" and not offers_nodes(r)]
    return graph.changed([*others, *map(_node_object, wanted)])


def _node_object(node: Node) -> Resource:
    own = {
        **node.labels,
        labels.ZONE: node.zone,
        labels.PURCHASE: node.purchase,
        labels.INSTANCE_TYPE: node.instance_type,
        "kubernetes.io/hostname": node.name,
        **({labels.GPU_MODEL: node.gpu_model} if node.gpu_model else {}),
    }
    said: dict[str, str | None] = {
        labels.PRICE: node.price_reference,
        labels.POOL_MIN: None if node.pool_min is None else str(node.pool_min),
        labels.POOL_MAX: None if node.pool_max is None else str(node.pool_max),
    }
    if node.capacity:
        said |= {
            labels.CAPACITY_CPU: f"{round(node.capacity.cpu * 1000)}m",
            labels.CAPACITY_MEMORY: f"{round(node.capacity.memory_gib * 1024)}Mi",
            labels.CAPACITY_GPU: f"{node.capacity.gpu:g}" if node.capacity.gpu else None,
        }
    return Resource(
        urn=f"urn:pulumi:whatif::whatif::kubernetes:core/v1:Node::{node.name}",
        type="kubernetes:core/v1:Node",
        name=node.name,
        inputs={
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": node.name, "labels": own, "annotations": said},
            "spec": {"taints": list(node.taints)} if node.taints else {},
        },
    )
