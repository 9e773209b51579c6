"""What the nodes of a graph offer: their pools, zones, prices and room for pods.

Rule 1: everything is read from Node objects, or from the ConfigMap that tells a pool where its nodes are not in the graph, and from the
labels of ``stacks/graph/labels.py``; a graph without either (plain manifests) has no nodes here, and whoever asks says so.
Rule 2: a node that does not say what it offers has ``capacity`` None: unknown, not zero.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from stacks.errors import ConfigurationError
from stacks.graph import labels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stacks.graph import Graph, Resource

GIB: Final = 2**30

# Suffixes of Kubernetes quantities (apimachinery, pkg/api/resource/quantity.go).
_SUFFIXES: Final[dict[str, Decimal]] = {
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), start=-3)},
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)},
}
_NODES: Final = re.compile(r"[0-9]{1,6}")
_QUANTITY: Final = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([A-Za-z]*)")


def quantity(value: Any, place: str = "quantity") -> float:
    """Return a Kubernetes quantity as a number in its base unit (cores, bytes, pieces).

    >>> quantity("500m"), quantity("8Gi"), quantity(4)
    (0.5, 8589934592.0, 4.0)

    Raises:
        ConfigurationError: it is not a quantity; ``place`` is named.
    """
    match = _QUANTITY.fullmatch(str(value).strip())
    try:
        if match is not None:
            return float(Decimal(match[1]) * _SUFFIXES[match[2]])
    except (InvalidOperation, KeyError):
        pass
    raise ConfigurationError(f"{place}: {value!r} is not a Kubernetes quantity such as 500m, 4, 512Mi or 8Gi")


@dataclass(frozen=True, slots=True)
class Amounts:
    """CPU in cores, memory in GiB, accelerators in pieces."""

    cpu: float = 0.0
    memory_gib: float = 0.0
    gpu: float = 0.0

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(self.cpu + other.cpu, self.memory_gib + other.memory_gib, self.gpu + other.gpu)

    def __sub__(self, other: Amounts) -> Amounts:
        return Amounts(self.cpu - other.cpu, self.memory_gib - other.memory_gib, self.gpu - other.gpu)

    def __mul__(self, factor: float) -> Amounts:
        return Amounts(self.cpu * factor, self.memory_gib * factor, self.gpu * factor)

    def at_least(self, other: Amounts) -> Amounts:
        """Return the larger of each amount."""
        return Amounts(max(self.cpu, other.cpu), max(self.memory_gib, other.memory_gib), max(self.gpu, other.gpu))

    def fits(self, room: Amounts) -> bool:
        """Whether this much fits into ``room``; a millionth is forgiven to sums of decimal fractions."""
        slack = 1e-6
        return self.cpu <= room.cpu + slack and self.memory_gib <= room.memory_gib + slack and self.gpu <= room.gpu + slack


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


def nodes(graph: Graph) -> tuple[Node, ...]:
    """Return the nodes of ``graph`` by name.

    Raises:
        ConfigurationError: a node carries a capacity or a bound that is no number, or a pool's zones or taints are no lists.
    """
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
    )


def _capacity(resource: Resource) -> Amounts | None:
    said = resource.annotations
    if labels.CAPACITY_CPU not in said or labels.CAPACITY_MEMORY not in said:
        return None
    keys = (labels.CAPACITY_CPU, labels.CAPACITY_MEMORY, labels.CAPACITY_GPU)
    cpu, memory, gpu = (quantity(said.get(key, 0), f"{resource.label}, annotation {key}") for key in keys)
    return Amounts(cpu, memory / GIB, gpu)


def _bound(resource: Resource, key: str) -> int | None:
    text = resource.annotations.get(key)
    if text is None:
        return None
    if not _NODES.fullmatch(str(text)):
        raise ConfigurationError(f"{resource.label}, annotation {key}: {text!r} is not a number of nodes (0, 1, 2 … 999999)")
    return int(text)
