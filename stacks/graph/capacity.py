"""What the nodes of a graph offer: their pools, zones, prices and room for pods.

Rule 1: everything is read from Node objects, or from the ConfigMap that tells a pool where its nodes are not in the graph, and from the
labels of ``stacks/graph/labels.py``; a graph without either (plain manifests) has no nodes here, and whoever asks says so.
Rule 2: what a node offers is what its annotations say, else ``status.allocatable`` of a node that was read from a cluster. A node that
says neither has ``capacity`` None: unknown, not zero.
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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from stacks.graph import Graph, Resource

GIB: Final = 2**30
#: Forgiven to sums of decimal fractions.
_SLACK: Final = 1e-6

_NODES: Final = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True, slots=True)
class Amounts:
    """CPU in cores, memory in GiB, NVIDIA GPUs in pieces, and ``others`` by the name of the resource, in its base unit.

    ``others`` hold what a device plugin offers (``amd.com/gpu``, ``nvidia.com/mig-1g.5gb``), huge pages and ephemeral storage.
    """

    cpu: float = 0.0
    memory_gib: float = 0.0
    gpu: float = 0.0
    others: Mapping[str, float] = field(default_factory=dict, hash=False)

    @classmethod
    def of(cls, values: Mapping[str, Any], place: str) -> Amounts:
        """Read a ``ResourceList``: quantities by the name of their resource. ``pods``, a number of pods, is no amount that a pod asks for.

        Raises:
            ConfigurationError: one of them is not a quantity; ``place`` is named.
        """
        read = {name: quantity(value, f"{place}, {name}") for name, value in values.items() if name != "pods"}
        cpu, memory, gpu = (read.pop(name, 0.0) for name in ("cpu", "memory", labels.GPU_RESOURCE))
        return cls(cpu, memory / GIB, gpu, {name: amount for name, amount in read.items() if amount})

    @property
    def accelerators(self) -> float:
        """Whole GPUs and other accelerators of every maker."""
        return self.gpu + sum(amount for name, amount in self.others.items() if labels.ACCELERATOR.search(name))

    def __add__(self, other: Amounts) -> Amounts:
        return self._with(other, operator.add)

    def __sub__(self, other: Amounts) -> Amounts:
        return self._with(other, operator.sub)

    def __mul__(self, factor: float) -> Amounts:
        others = {name: amount * factor for name, amount in self.others.items()}
        return Amounts(self.cpu * factor, self.memory_gib * factor, self.gpu * factor, others)

    def at_least(self, other: Amounts) -> Amounts:
        """Return the larger of each amount."""
        return self._with(other, max)

    def _with(self, other: Amounts, combine: Callable[[float, float], float]) -> Amounts:
        # Most pods and nodes have no other resources, and the twin adds and subtracts a great deal.
        names = self.others.keys() | other.others.keys() if self.others or other.others else ()
        others = {name: combine(self.others.get(name, self.rest), other.others.get(name, other.rest)) for name in names}
        return Amounts(combine(self.cpu, other.cpu), combine(self.memory_gib, other.memory_gib), combine(self.gpu, other.gpu), others)

    def fits(self, room: Amounts) -> bool:
        """Whether this much fits into ``room``."""
        return (
            self.cpu <= room.cpu + _SLACK
            and self.memory_gib <= room.memory_gib + _SLACK
            and self.gpu <= room.gpu + _SLACK
            and (not self.others or not self.exceeding(room))
        )

    def exceeding(self, room: Amounts) -> list[str]:
        """Return what there is too little of in ``room``, in words: ``CPU``, ``memory``, ``GPUs``, or the resource's own name."""
        named = {"GPUs": (self.gpu, room.gpu), "CPU": (self.cpu, room.cpu), "memory": (self.memory_gib, room.memory_gib)}
        named |= {name: (amount, room.others.get(name, room.rest)) for name, amount in sorted(self.others.items())}
        return [name for name, (asked, there) in named.items() if asked > there + _SLACK]

    @property
    def rest(self) -> float:
        """How much there is of a resource that is not named: nothing, but everything where the room is unlimited."""
        return math.inf if math.isinf(self.cpu) else 0.0


#: Room on a node that does not say what it offers.
UNLIMITED: Final = Amounts(math.inf, math.inf, math.inf)


@dataclass(frozen=True)
class Node:
    """A node of the graph. ``price_reference`` is its row of the price book, None where it names none."""

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
    """Return the nodes of ``graph`` by name.

    Raises:
        ConfigurationError: a node carries a capacity or a bound that is no number, or a pool's zones or taints are no lists.
    """
    graph = graph.known
    found = [_node(resource, resource.object_name, resource.labels, resource.spec.get("taints")) for resource in graph.objects("Node")]
    present = {node.pool for node in found}
    for resource in graph.objects("ConfigMap"):
        if offers_nodes(resource) and resource.labels[labels.POOL] not in present:
            found += _of_pool(resource, _bound(resource, labels.POOL_MIN) or 0)
    return tuple(sorted(found, key=lambda node: node.name))


def pools(graph: Graph) -> tuple[Node, ...]:
    """Return one node of each pool of ``graph`` by the pool's name, of a pool without nodes as its ConfigMap tells it.

    Raises:
        ConfigurationError: as for :func:`nodes`.
    """
    graph = graph.known
    found = {resource.labels[labels.POOL]: resource for resource in graph.objects("ConfigMap") if labels.POOL in resource.labels}
    told = {name: node for name, resource in found.items() for node in _of_pool(resource, 1)}
    return tuple(node for _, node in sorted({**told, **{node.pool: node for node in reversed(nodes(graph))}}.items()))


def offers_nodes(resource: Resource) -> bool:
    """Whether this tells a pool whose nodes are made by something else than the stack, so that they are in no graph."""
    said = resource.annotations.get(labels.NODES_MADE_BY, labels.NODES_OF_THE_STACK)
    return resource.kind == "ConfigMap" and labels.POOL in resource.labels and said != labels.NODES_OF_THE_STACK


def _of_pool(resource: Resource, count: int) -> Iterator[Node]:
    """The first ``count`` nodes of the pool that a ConfigMap tells, turn by turn in its zones."""
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
        pool=own.get(labels.POOL, "(no pool)"),
        purchase=own.get(labels.PURCHASE, "on-demand"),
        region=own.get(labels.REGION, ""),
        zone=own.get(labels.ZONE, ""),
        instance_type=own.get(labels.INSTANCE_TYPE, ""),
        price_reference=resource.annotations.get(labels.PRICE),
        gpu_model=own.get(labels.GPU_MODEL),
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
    """What the kubelet offers to pods; where only the machine is told, all of the machine."""
    status = resource.inputs.get("status") or {}
    return status.get("allocatable") or status.get("capacity") or {}


def _bound(resource: Resource, key: str) -> int | None:
    text = resource.annotations.get(key)
    if text is None:
        return None
    if not _NODES.fullmatch(str(text)):
        raise ConfigurationError(f"{resource.label}, annotation {key}: {text!r} is not a number of nodes (0, 1, 2 … 999999)")
    return int(text)
