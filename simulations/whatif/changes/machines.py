"""The machines below the engines: with other GPUs, with room for engines that span several, and how they are bought."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import TYPE_CHECKING

from simulations.whatif.changes.engines import with_engines
from simulations.whatif.changes.fleet import with_nodes
from stacks.errors import ConfigurationError
from stacks.graph import labels
from stacks.graph.capacity import Amounts, nodes
from stacks.graph.demand import workloads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stacks.graph import Graph, Resource
    from stacks.graph.capacity import Node
    from stacks.pricing.prices import Price, PriceBook


def with_gpu(graph: Graph, model: str, book: PriceBook, *, growth: float = 1.0) -> tuple[Graph, str]:
    """Give the engines' pools nodes of another GPU model, at least ``growth`` times as many GPUs in all; also return a note.

    Raises:
        ConfigurationError: the engines run on CPUs, or no machine of the book has such GPUs and room for an engine.
    """
    pools = _engine_pools(graph)
    if not pools:
        raise ConfigurationError(f"scenario gpu={model}: the engines of this graph do not run on GPU nodes, so there is nothing to replace")
    graph, note = _with_machines(graph, dict.fromkeys(pools, model), book, growth)
    # Pods that request the old model by name must request the new one.
    return with_engines(graph, lambda resource: _with_selector(resource, model)), note


def with_room(graph: Graph, book: PriceBook, *, growth: float) -> tuple[Graph, str]:
    """Give the engines' pools larger machines with the same GPUs where an engine does not fit; also return a note, empty if all fit.

    Raises:
        ConfigurationError: no machine of the book holds an engine.
    """
    short: dict[str, str] = {}
    for pool in _engine_pools(graph):
        first = next(node for node in nodes(graph) if node.pool == pool)
        if first.capacity is not None and not _needed(graph, first).fits(first.capacity):
            if first.gpu_model is None:
                raise ConfigurationError(f"pool {pool} is too small for an engine, and its nodes have no label {labels.GPU_MODEL}; add it")
            short[pool] = first.gpu_model
    return _with_machines(graph, short, book, growth) if short else (graph, "")


def with_spot_nodes(graph: Graph, share: float, book: PriceBook) -> tuple[Graph, str]:
    """Buy ``share`` of the engines' nodes at the spot price, spread over each pool's zones, and the others on demand; also return a note.

    Raises:
        ConfigurationError: the engines run on CPUs, or one of the nodes has no spot price.
    """
    pools = _engine_pools(graph)
    if not pools:
        raise ConfigurationError("scenario spot-nodes: the engines of this graph do not run on GPU nodes, which this is about")
    fresh: list[Node] = []
    bought = 0
    for pool in pools:
        members = [node for node in nodes(graph) if node.pool == pool]
        for index, node in enumerate(members):
            # Every n-th: nodes are numbered over the zones in turn.
            spot = math.floor((index + 1) * share + 1e-9) > math.floor(index * share + 1e-9)
            if spot and book.by_reference(node.price_reference or "").spot_usd_per_hour is None:
                raise ConfigurationError(f"scenario spot-nodes: {node.price_reference} has no spot price in the {book.name} price book")
            purchase = "spot" if spot else "on-demand" if node.purchase == "spot" else node.purchase
            fresh.append(replace(node, purchase=purchase))
            bought += spot
    others = [node for node in nodes(graph) if node.pool not in pools]
    note = f"{bought} of the engines' {_counted(len(fresh), 'node')} bought as spot; ask how often they are there with spot="
    return with_nodes(graph, [*others, *fresh]), note


def _engine_pools(graph: Graph) -> list[str]:
    """Return the pools with GPUs on whose nodes engines may run."""
    engines = [w for w in workloads(graph) if w.is_engine and w.requests.gpu]
    found = (node for node in nodes(graph) for w in engines if w.admitted_by(node) and node.capacity and node.capacity.gpu)
    return sorted({node.pool for node in found})


def _with_machines(graph: Graph, models: Mapping[str, str], book: PriceBook, growth: float) -> tuple[Graph, str]:
    """Replace the machines of the pools in ``models`` by some with that GPU model."""
    present = nodes(graph)
    kept, notes = [node for node in present if node.pool not in models], []
    for pool, model in models.items():
        members = [node for node in present if node.pool == pool]
        row = _nearest_row(book, model, members[0], _needed(graph, members[0]))
        fresh = _replaced(members, row, growth)
        kept += fresh
        before = f"{_counted(len(members), 'node')} in {_counted(_zones(members), 'zone')} become{'s' if len(members) == 1 else ''}"
        notes.append(
            f"pool {pool}: {before} {len(fresh)} in {_zones(fresh)}, each {row.reference}; "
            "whether the model fits that GPU's memory is not checked"
        )
    return with_nodes(graph, kept), "; ".join(notes)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _zones(members: list[Node]) -> int:
    return len({node.zone for node in members})


def _needed(graph: Graph, node: Node) -> Amounts:
    """Return the capacity that a replacement for ``node`` must have: its largest engine pod plus the pods of its DaemonSets."""
    pod, daemons = Amounts(), Amounts()
    for workload in workloads(graph):
        if workload.per_node and workload.admitted_by(node):
            daemons += workload.requests
        elif workload.is_engine and workload.admitted_by(node):
            pod = pod.at_least(workload.requests)
    return pod + daemons


def _offer(row: Price) -> Amounts:
    return Amounts(row.vcpus or 0.0, row.memory_gib or 0.0, row.gpus)


def _nearest_row(book: PriceBook, model: str, node: Node, needed: Amounts) -> Price:
    """Return the price row with this GPU and the ``needed`` capacity closest to ``node``: region, cloud, plausible price, size, price."""
    cloud, region = ((node.price_reference or "") + "//").split("/")[:2]
    size = node.capacity.gpu if node.capacity else 1
    priced = [row for row in book.for_gpu(model) if row.for_purchase(node.purchase) is not None and row.vcpus and row.memory_gib]
    if not priced:
        raise ConfigurationError(f"the {book.name} price book has no {node.purchase} price for the GPU model {model}")
    rows = [row for row in priced if needed.fits(_offer(row))]
    if not rows:
        raise ConfigurationError(_too_small(book, model, node, needed, priced))
    return min(
        rows,
        key=lambda row: (
            row.cloud != cloud or row.region != region,
            row.cloud != cloud,
            row.suspect is not None,
            abs(row.gpus - size),
            (row.for_purchase(node.purchase) or 0.0) / row.gpus,
            row.reference,
        ),
    )


def _too_small(book: PriceBook, model: str, node: Node, needed: Amounts, rows: list[Price]) -> str:
    """Return a sentence on what the machines with this GPU lack; it names the largest."""
    largest = max(rows, key=lambda row: (row.gpus, row.vcpus or 0.0, row.memory_gib or 0.0, row.reference))
    offer = _offer(largest)
    lacking = [
        f"{what} (needed {wanted:g}{unit}, offered {offered:g}{unit})"
        for what, unit, wanted, offered in (
            ("CPU", "", needed.cpu, offer.cpu),
            ("memory", " GiB", needed.memory_gib, offer.memory_gib),
            ("GPUs", "", needed.gpu, offer.gpu),
        )
        if wanted > offered
    ]
    return (
        f"no {model} machine of the {book.name} price book holds an engine of pool {node.pool} beside the pods that "
        f"run on every node; the largest, {largest.reference}, lacks {' and '.join(lacking) or 'room'}"
    )


def _replaced(members: list[Node], row: Price, growth: float) -> list[Node]:
    size = members[0].capacity.gpu if members[0].capacity else row.gpus
    zones = [node.zone for node in members]

    def scaled(count: int) -> int:
        return math.ceil(count * size * growth / row.gpus)

    return [
        replace(
            members[0],
            name=f"{members[0].pool}-{index}",
            zone=zones[index % len(zones)],
            instance_type=row.instance_type,
            price_reference=row.reference,
            gpu_model=row.gpu_model,
            capacity=_offer(row),
            pool_min=None if members[0].pool_min is None else scaled(members[0].pool_min),
            pool_max=None if members[0].pool_max is None else scaled(members[0].pool_max),
        )
        for index in range(scaled(len(members)))
    ]


def _with_selector(resource: Resource, model: str) -> Resource:
    if labels.GPU_MODEL not in (resource.pod_spec.get("nodeSelector") or {}):
        return resource
    inputs = copy.deepcopy(dict(resource.inputs))
    inputs["spec"]["template"]["spec"]["nodeSelector"][labels.GPU_MODEL] = model
    return replace(resource, inputs=inputs)
