"""The nodes that a cluster needs: what a consolidating autoscaler leaves after a while.

A node goes if all pods still find a place without it and its pool stays at its minimum or above, as Karpenter's consolidation and the
cluster autoscaler's scale-down decide it, one node at a time. The emptiest go first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from simulations.cluster.placement import place
from stacks.graph.capacity import Node
from stacks.graph.demand import Workload


def needed_nodes(workloads: Sequence[Workload], nodes: Sequence[Node], *, keep_minimum: bool = True) -> list[Node]:
    """Return ``nodes`` and those an autoscaler would add, without the ones that no pod would miss.

    ``keep_minimum``: no pool falls below its minimum; else it may shrink to one node, to see what the minimum costs.
    """
    start = place(workloads, nodes)
    kept = [*nodes, *start.added]
    sizes = Counter(node.pool for node in kept)
    pods = Counter(start.node_of.values())
    for node in sorted(kept, key=lambda node: (pods[node.name], node.pool, node.name)):
        if sizes[node.pool] <= (max(node.pool_min or 0, 1) if keep_minimum else 1):
            continue
        without = [other for other in kept if other is not node]
        after = place(workloads, without)
        if not after.added and after.waiting.keys() <= start.waiting.keys():
            kept = without
            sizes[node.pool] -= 1
    return kept
