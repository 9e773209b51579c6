"""Applies a scenario to a graph and returns a new graph, price book and load.

Rule 1: the original graph is not modified. Every change is visible in the new graph, so its cost, its placement and its twin are derived
like those of any other graph.
Rule 2: every assumption of a change is stated in a note.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from foundation.formats.changes import seconds
from simulations.deployed import DeployedEngines
from simulations.failures import Delays
from simulations.whatif.rate import Rate
from stacks.errors import ConfigurationError
from stacks.graph import Graph, Resource, labels
from stacks.graph.capacity import Amounts, nodes, offers_nodes
from stacks.graph.demand import runs_engine, workloads
from stacks.graph.vllm import runs_vllm, with_sequences
from workloads.engine.spec import EngineSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from simulations.whatif.scenarios import Scenario
    from stacks.graph.capacity import Node
    from stacks.pricing.prices import Price, PriceBook


@dataclass(frozen=True)
class Question:
    """A scenario applied. ``rate`` is the rate of requests over the run; ``gpu_model`` is that of the engines' nodes, None for CPUs.

    ``delays`` are how long a pod, a node and a loss take.
    """

    scenario: Scenario
    graph: Graph
    book: PriceBook
    rate: Rate
    gpu_model: str | None
    notes: tuple[str, ...]
    delays: Delays = field(default_factory=Delays)


def apply(scenario: Scenario, graph: Graph, book: PriceBook) -> Question:
    """Apply ``scenario``.

    Raises:
        TwinError: the graph has no engine that can be simulated.
        UnpricedError: the requested GPU model has no price.
        ConfigurationError: the change leaves no replica, or the graph has no GPU to replace.
    """
    DeployedEngines.from_graph(graph)
    notes: list[str] = []
    rate, delays = Rate(), Delays()
    for change in scenario.changes:
        match change.kind:
            case "traffic":
                rate = replace(rate, factor=float(change.value))
            case "ramp":
                start_s = 0.0 if change.start_s is None else change.start_s
                rate = replace(rate, to=float(change.value), start_s=start_s, length_s=change.length_s or 0.0)
            case "model-load":
                delays = replace(delays, start_s=seconds(change.value))
            case "provision":
                delays = replace(delays, provision_s=seconds(change.value))
            case "price":
                book = book.scaled(float(change.value))
            case "replicas":
                graph = _with_replicas(graph, change.value)
            case "slots":
                slots = int(change.value)
                graph = _with_engines(graph, lambda resource: _with_slots(resource, slots))  # noqa: B023  # called at once
                notes.append("the speed of larger batches is extrapolated from the calibration where it did not measure them")
            case "gpu":
                graph, note = _with_gpu(graph, change.value, book)
                notes.append(note)
            case _:  # incidents change nodes during the run, not the graph
                pass
    return Question(scenario, graph, book, rate, DeployedEngines.from_graph(graph).gpu_model, tuple(notes), delays)


def with_nodes(graph: Graph, wanted: Iterable[Node]) -> Graph:
    """Return ``graph`` with exactly these nodes."""
    others = [r for r in graph if r.kind != "Node" and not offers_nodes(r)]
    return Graph.of([*others, *map(_node_object, wanted)], graph.source)


def _with_engines(graph: Graph, change: Callable[[Resource], Resource]) -> Graph:
    """Change the controllers whose pods are engines."""
    return Graph.of([change(r) if _is_engine(r) else r for r in graph], graph.source)


def _is_engine(resource: Resource) -> bool:
    return runs_engine(resource) and not resource.metadata.get("ownerReferences")


def _with_replicas(graph: Graph, text: str) -> Graph:
    wanted: dict[tuple[str | None, str], int] = {}
    for workload in workloads(graph):
        if workload.is_engine:
            number = workload.replicas + int(text) if text[0] in "+-" else int(text)
            if number < 1:
                present = _counted(workload.replicas, "replica")
                raise ConfigurationError(f"scenario replicas={text}: {workload.label} has {present}, so {number} would be left; keep one")
            wanted[workload.resource.namespace, workload.resource.object_name] = number

    def changed(resource: Resource) -> Resource:
        spec = dict(resource.spec)
        if _is_engine(resource):
            spec["replicas"] = wanted[resource.namespace, resource.object_name]
        elif resource.kind == "HorizontalPodAutoscaler":
            # The autoscaler's bounds would override the number.
            target = (resource.namespace, str((spec.get("scaleTargetRef") or {}).get("name")))
            if (number := wanted.get(target)) is not None:
                spec |= {"minReplicas": number, "maxReplicas": max(number, int(spec.get("maxReplicas", number)))}
        else:
            return resource
        return replace(resource, inputs={**resource.inputs, "spec": spec})

    return Graph.of(map(changed, graph), graph.source)


def _with_slots(resource: Resource, slots: int) -> Resource:
    inputs = copy.deepcopy(dict(resource.inputs))
    containers: list[dict[str, Any]] = inputs["spec"]["template"]["spec"]["containers"]
    for index, container in enumerate(containers):
        if runs_vllm(container):
            containers[index] = with_sequences(container, slots)
        elif container.get("name") == "engine":
            container["args"] = replace(EngineSpec.from_args(container.get("args") or []), slots=slots).to_args()
    return replace(resource, inputs=inputs)


def _with_gpu(graph: Graph, model: str, book: PriceBook) -> tuple[Graph, str]:
    """Give the engines' pools nodes of another GPU model, at least as many GPUs in all."""
    engines = [w for w in workloads(graph) if w.is_engine]
    present = nodes(graph)
    pools = sorted({node.pool for node in present for w in engines if w.admitted_by(node) and node.capacity and node.capacity.gpu})
    if not pools:
        raise ConfigurationError(f"scenario gpu={model}: the engines of this graph do not run on GPU nodes, so there is nothing to replace")
    kept, notes = [node for node in present if node.pool not in pools], []
    for pool in pools:
        members = [node for node in present if node.pool == pool]
        row = _nearest_row(book, model, members[0], _needed(graph, members[0]))
        fresh = _replaced(members, row)
        kept += fresh
        before = f"{_counted(len(members), 'node')} in {_counted(_zones(members), 'zone')} become{'s' if len(members) == 1 else ''}"
        notes.append(
            f"pool {pool}: {before} {len(fresh)} in {_zones(fresh)}, each {row.reference}; "
            "whether the model fits that GPU's memory is not checked"
        )
    graph = with_nodes(graph, kept)
    # Pods that request the old model by name must request the new one.
    return _with_engines(graph, lambda resource: _with_selector(resource, model)), "; ".join(notes)


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
        raise ConfigurationError(f"scenario gpu={model}: the {book.name} price book has no {node.purchase} price for this model")
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
        f"scenario gpu={model}: no {model} machine of the {book.name} price book holds an engine of pool {node.pool} beside the pods that "
        f"run on every node; the largest, {largest.reference}, lacks {' and '.join(lacking) or 'room'}"
    )


def _replaced(members: list[Node], row: Price) -> list[Node]:
    size = members[0].capacity.gpu if members[0].capacity else row.gpus
    zones = [node.zone for node in members]

    def scaled(count: int) -> int:
        return math.ceil(count * size / row.gpus)

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


def _node_object(node: Node) -> Resource:
    own = {
        **node.labels,
        labels.ZONE: node.zone,
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
