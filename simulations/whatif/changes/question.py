"""A scenario applied: the stack, the prices and the load that the twin is asked about."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from foundation.formats.changes import seconds
from simulations.deployed import DeployedEngines
from simulations.failures import Delays
from simulations.whatif.changes.engines import with_group, with_replicas, with_slots
from simulations.whatif.changes.machines import with_gpu, with_room, with_spot_nodes
from simulations.whatif.rate import Rate

if TYPE_CHECKING:
    from simulations.whatif.scenarios import Scenario
    from stacks.graph import Graph
    from stacks.pricing.prices import PriceBook


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
        ConfigurationError: the change leaves no replica, or no machine takes what it asks for.
    """
    DeployedEngines.from_graph(graph)
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
            case _:  # the stack's, below; incidents change nodes during the run, not the graph
                pass
    graph, notes = _stack(scenario, graph, book)
    return Question(scenario, graph, book, rate, DeployedEngines.from_graph(graph).gpu_model, notes, delays)


def _stack(scenario: Scenario, graph: Graph, book: PriceBook) -> tuple[Graph, tuple[str, ...]]:
    """Change the engines first, then the machines below them, whose size depends on the engines; last how these are bought."""
    notes: list[str] = []
    if (replicas := scenario.value("replicas")) is not None:
        graph = with_replicas(graph, replicas)
    if (slots := scenario.value("slots")) is not None:
        graph = with_slots(graph, int(slots))
        notes.append("the speed of larger batches is extrapolated from the calibration where it did not measure them")
    growth = 1.0
    if (group := scenario.value("tensor-parallel")) is not None:
        graph, growth = with_group(graph, int(group))
    if (model := scenario.value("gpu")) is not None:
        graph, note = with_gpu(graph, model, book, growth=growth)
        notes.append(note)
    elif group is not None:
        graph, note = with_room(graph, book, growth=growth)
        notes += [note] if note else []
    if (share := scenario.value("spot-nodes")) is not None:
        graph, note = with_spot_nodes(graph, float(share), book)
        notes.append(note)
    return graph, tuple(notes)
