"""The monthly cost of a stack by component and resource, as OpenCost allocates it (specification 0.1).

A node's price is split among CPU, memory and GPUs in proportion to OpenCost's default rates, and then among the pods by what they request;
what no pod requests is idle. Pods are where the scheduler's model puts them.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from simulations.cluster import place
from stacks.graph import Graph
from stacks.graph.capacity import Amounts, Node, nodes
from stacks.graph.demand import Workload, workloads
from stacks.pricing.costs import HOURS_PER_MONTH, monthly_cost
from stacks.pricing.prices import PriceBook

#: OpenCost's default rates in USD per hour; only their ratios are used.
RATES: Final = {"cpu": 0.031611, "memory_gib": 0.004237, "gpu": 0.95}
#: The name that OpenCost gives to what nobody requests.
IDLE: Final = "__idle__"


@dataclass(frozen=True, slots=True)
class Allocated:
    """USD a month of one component (a namespace, or :data:`IDLE`), by resource."""

    name: str
    cpu_usd: float
    ram_usd: float
    gpu_usd: float

    @property
    def total_usd(self) -> float:
        """The sum."""
        return self.cpu_usd + self.ram_usd + self.gpu_usd


def allocate(graph: Graph, book: PriceBook) -> tuple[Allocated, ...]:
    """Return the components, the most expensive first, and idle last. Nodes without a price or a capacity are left out."""
    hourly = {(p.name, p.purchase, p.price.reference): p.usd_per_hour for p in monthly_cost(graph, book).pools if p.price}
    found, running = nodes(graph), workloads(graph)
    spent: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(RATES, 0.0))
    for node, pods in _hosted(running, found):
        usd = hourly.get((node.pool, node.purchase, node.price_reference or ""))
        if usd is None or node.capacity is None:
            continue
        weight = math.fsum(getattr(node.capacity, name) * rate for name, rate in RATES.items())
        for name, rate in RATES.items():
            room = getattr(node.capacity, name)
            if not room:
                continue
            worth, asked = usd * HOURS_PER_MONTH * room * rate / weight, math.fsum(getattr(pod.requests, name) for pod in pods)
            for pod in pods:
                spent[pod.namespace][name] += worth * getattr(pod.requests, name) / max(asked, room)
            spent[IDLE][name] += worth * max(0.0, 1 - asked / room)
    made = [Allocated(name, usd["cpu"], usd["memory_gib"], usd["gpu"]) for name, usd in spent.items()]
    return tuple(sorted(made, key=lambda one: (one.name == IDLE, -one.total_usd, one.name)))


def _hosted(running: tuple[Workload, ...], found: tuple[Node, ...]) -> Iterator[tuple[Node, list[Workload]]]:
    """Yield every node with its pods, as workloads."""
    placed = place(running, found, autoscale=False)
    pods: dict[str, list[Workload]] = defaultdict(list)
    for workload in running:
        if workload.scheduled or workload.requests == Amounts():
            continue
        if workload.per_node:
            for node in found:
                if workload.admitted_by(node):
                    pods[node.name].append(workload)
            continue
        for index in range(workload.replicas):
            if (host := placed.node_of.get(workload.pod(index))) is not None:
                pods[host].append(workload)
    yield from ((node, pods[node.name]) for node in found)
