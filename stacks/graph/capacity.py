"""The nodes of a graph: their pools, zones, prices and capacity for pods.

Rule 1: everything is read from Node objects and the labels of ``stacks/graph/labels.py``, or, if a pool's nodes are not in the graph, from
the ConfigMap that describes the pool. A graph with neither (plain manifests) has no nodes, and callers report that.
Rule 2: a node's capacity comes from its annotations, else from ``status.allocatable`` if it was read from a cluster. A node with neither
has ``capacity`` None: unknown, not zero.
"""

from __future__ import annotations

import json
import math
import operator
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from stacks.errors import ConfigurationError
from stacks.graph import labels
from stacks.graph.quantities import quantity
from stacks.graph.recognition import clouds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from stacks.graph import Graph, Resource

GIB: Final = 2**30
#: Tolerance for rounding errors in sums of decimal fractions.
_SLACK: Final = 1e-6

_NODES: Final = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True, slots=True)
class Amounts:
    """CPU in cores, memory in GiB, number of NVIDIA GPUs, and ``others`` by resource name, in the resource's base unit.

    ``others`` are the resources of device plugins (``amd.com/gpu``, ``nvidia.com/mig-1g.5gb``), huge pages and ephemeral storage.
    """

    cpu: float = 0.0
    memory_gib: float = 0.0
    gpu: float = 0.0
    others: Mapping[str, float] = field(default_factory=dict, hash=False)

    @classmethod
    def of(cls, values: Mapping[str, Any], place: str) -> Amounts:
        """Read a ``ResourceList``: quantities by resource name. ``pods`` is ignored, because it is not a resource that a pod requests.

        Raises:
            ConfigurationError: one of them is not a quantity; the text names ``place``.
        """
        read = {name: quantity(value, f"{place}, {name}") for name, value in values.items() if name != "pods"}
        cpu, memory, gpu = (read.pop(name, 0.0) for name in ("cpu", "memory", labels.GPU_RESOURCE))
        return cls(cpu, memory / GIB, gpu, {name: amount for name, amount in read.items() if amount})

    @property
    def accelerators(self) -> float:
        """Number of whole GPUs and other accelerators of all vendors."""
        return self.gpu + sum(amount for name, amount in self.others.items() if labels.ACCELERATOR.search(name))

    def __add__(self, other: Amounts) -> Amounts:
        return self._with(other, operator.add)

    def __sub__(self, other: Amounts) -> Amounts:
        return self._with(other, operator.sub)

    def __mul__(self, factor: float) -> Amounts:
        others = {name: amount * factor for name, amount in self.others.items()}
        return Amounts(self.cpu * factor, self.memory_gib * factor, self.gpu * factor, others)

    def at_least(self, other: Amounts) -> Amounts:
        """Return the maximum of each amount."""
        return self._with(other, max)

    def _with(self, other: Amounts, combine: Callable[[float, float], float]) -> Amounts:
        # A fast path: most pods and nodes have no other resources, and the twin adds and subtracts constantly.
        names = self.others.keys() | other.others.keys() if self.others or other.others else ()
        others = {name: combine(self.others.get(name, self.rest), other.others.get(name, other.rest)) for name in names}
        return Amounts(combine(self.cpu, other.cpu), combine(self.memory_gib, other.memory_gib), combine(self.gpu, other.gpu), others)

    def fits(self, room: Amounts) -> bool:
        """Whether this fits into ``room``."""
        return (
            self.cpu <= room.cpu + _SLACK
            and self.memory_gib <= room.memory_gib + _SLACK
            and self.gpu <= room.gpu + _SLACK
            and (not self.others or not self.exceeding(room))
        )

    def exceeding(self, room: Amounts) -> list[str]:
        """Return the resources that ``room`` has too little of: ``CPU``, ``memory``, ``GPUs``, or the resource's own name."""
        named = {"GPUs": (self.gpu, room.gpu), "CPU": (self.cpu, room.cpu), "memory": (self.memory_gib, room.memory_gib)}
        named |= {name: (amount, room.others.get(name, room.rest)) for name, amount in sorted(self.others.items())}
        return [name for name, (asked, there) in named.items() if asked > there + _SLACK]

    @property
    def rest(self) -> float:
        """The amount of a resource that is not listed: zero, or infinite if the room is unlimited."""
        return math.inf if math.isinf(self.cpu) else 0.0


#: Capacity of a node that does not state any.
UNLIMITED: Final = Amounts(math.inf, math.inf, math.inf)


@dataclass(frozen=True)
class Node:
    """A node of the graph. ``price_reference`` is its row of the price book, None if it names none."""

    name: str
    pool: str
    purchase: str
    region: str
    zone: str
    instance_type: str
    price_reference: str | None
    gpu_model: str | None
    capacity: Amounts | None
    labels: Mapping[str, str]
    taints: tuple[Mapping[str, Any], ...]
    pool_min: int | None
    pool_max: int | None
    cordoned: bool = False
    most_pods: float = math.inf


def nodes(graph: Graph) -> tuple[Node, ...]:
    """Return the nodes of ``graph``, ordered by name.

    Raises:
        ConfigurationError: a node's capacity or bound is not a number, or a pool's zones or taints are not lists.
    """
    return graph.known.once(_read)


def _read(graph: Graph) -> tuple[Node, ...]:
    found = [_node(resource, resource.object_name, resource.labels, resource.spec.get("taints")) for resource in graph.objects("Node")]
    present = {node.pool for node in found}
    for resource in graph.objects("ConfigMap"):
        if offers_nodes(resource) and resource.labels[labels.POOL] not in present:
            found += _of_pool(resource, _bound(resource, labels.POOL_MIN) or 0)
    return tuple(sorted(found, key=lambda node: node.name))


def pools(graph: Graph) -> tuple[Node, ...]:
    """Return one node of each pool of ``graph``, ordered by pool; a pool without nodes gets one from its ConfigMap.

    Raises:
        ConfigurationError: as for :func:`nodes`.
    """
    graph = graph.known
    found = {resource.labels[labels.POOL]: resource for resource in graph.objects("ConfigMap") if labels.POOL in resource.labels}
    told = {name: node for name, resource in found.items() for node in _of_pool(resource, 1)}
    return tuple(node for _, node in sorted({**told, **{node.pool: node for node in reversed(nodes(graph))}}.items()))


def offers_nodes(resource: Resource) -> bool:
    """Whether this describes a pool with nodes that the stack does not create, so that they are in no graph."""
    said = resource.annotations.get(labels.NODES_MADE_BY, labels.NODES_OF_THE_STACK)
    return resource.kind == "ConfigMap" and labels.POOL in resource.labels and said != labels.NODES_OF_THE_STACK


def _of_pool(resource: Resource, count: int) -> Iterator[Node]:
    """The first ``count`` nodes of the pool that a ConfigMap describes, in its zones by turns."""
    zones, taints = _list(resource, "zones", str), _list(resource, "taints", dict)
    name = resource.labels[labels.POOL]
    for index in range(count):
        own = {**resource.labels, labels.ZONE: zones[index % len(zones)] if zones else ""}
        yield _node(resource, f"{name}-{index}", own, taints)


def _list(resource: Resource, key: str, of: type) -> list[Any]:
    data = resource.inputs.get("data") or {}
    text = data.get(key, "[]") if isinstance(data, dict) else data
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        found = None
    if not isinstance(found, list) or not all(isinstance(item, of) for item in found):
        raise ConfigurationError(f"{resource.label}, data {key}: {text!r} is not a list of {'texts' if of is str else 'objects'} in JSON")
    return found


def _node(resource: Resource, name: str, own: Mapping[str, str], taints: Sequence[Mapping[str, Any]] | None) -> Node:
    return Node(
        name=name,
        pool=own.get(labels.POOL) or clouds.pool_of(own) or "(no pool)",
        purchase=own.get(labels.PURCHASE) or clouds.purchase_of(own),
        region=own.get(labels.REGION, ""),
        zone=own.get(labels.ZONE, ""),
        instance_type=own.get(labels.INSTANCE_TYPE, ""),
        price_reference=resource.annotations.get(labels.PRICE)
        or clouds.price_reference(
            str(resource.spec.get("providerID") or ""), own.get(labels.REGION, ""), own.get(labels.INSTANCE_TYPE, "")
        ),
        gpu_model=clouds.gpu_model(own.get(labels.GPU_MODEL)),
        capacity=_capacity(resource),
        labels=own,
        taints=tuple(taints or ()),
        pool_min=_bound(resource, labels.POOL_MIN),
        pool_max=_bound(resource, labels.POOL_MAX),
        cordoned=resource.spec.get("unschedulable") is True,
        most_pods=_most_pods(resource),
    )


def _capacity(resource: Resource) -> Amounts | None:
    said, there = resource.annotations, _allocatable(resource)
    if labels.CAPACITY_CPU in said and labels.CAPACITY_MEMORY in said:
        keys = (labels.CAPACITY_CPU, labels.CAPACITY_MEMORY, labels.CAPACITY_GPU)
        cpu, memory, gpu = (quantity(said.get(key, 0), f"{resource.label}, annotation {key}") for key in keys)
        reported = Amounts.of(there, f"{resource.label}, status.allocatable")
        return Amounts(cpu, memory / GIB, gpu if labels.CAPACITY_GPU in said else reported.gpu, reported.others)
    return Amounts.of(there, f"{resource.label}, status.allocatable") if "cpu" in there and "memory" in there else None


def _most_pods(resource: Resource) -> float:
    value = resource.annotations.get(labels.CAPACITY_PODS, _allocatable(resource).get("pods"))
    return math.inf if value is None else quantity(value, f"{resource.label}, pods")


def _allocatable(resource: Resource) -> Mapping[str, Any]:
    """What the kubelet offers to pods; if only the machine's capacity is known, all of that."""
    status = resource.inputs.get("status") or {}
    return status.get("allocatable") or status.get("capacity") or {}


def _bound(resource: Resource, key: str) -> int | None:
    text = resource.annotations.get(key)
    if text is None:
        return None
    if not _NODES.fullmatch(str(text)):
        raise ConfigurationError(f"{resource.label}, annotation {key}: {text!r} is not a number of nodes (0, 1, 2 … 999999)")
    return int(text)
