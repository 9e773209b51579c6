"""Which pods of a graph fit on which nodes, and which nodes an autoscaler would add for the rest.

Rule 1: deterministic. Pods are taken by priority (highest first), then by the label of their workload, then by number; among the nodes that
fit, the one that kube-scheduler scores highest wins (``scoring.py``), then the first by name.
Rule 2: the scheduler's hard constraints hold: labels, taints, requests, the number of pods per node, and affinity and spreading
(``topology.py``).
Rule 3: a pod stays on its node as long as the node exists; a pod that does not fit may preempt pods of lower priority.
Rule 4: an autoscaler adds a node only if a pending pod would fit on it and preemption did not help, and never beyond the pool's maximum.

Not modelled: zonal volumes, host ports, device claims (DRA), gang scheduling.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simulations.cluster.scoring import Scoring
from simulations.cluster.topology import Spot, Topology
from stacks.graph import labels
from stacks.graph.capacity import UNLIMITED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from stacks.graph.capacity import Node
    from stacks.graph.demand import Workload


@dataclass(frozen=True)
class Placement:
    """Where the pods are. ``nodes`` are the usable ones, including added ones; ``waiting`` gives a reason for each pending pod."""

    nodes: tuple[Node, ...]
    added: tuple[Node, ...]
    node_of: Mapping[str, str]
    waiting: Mapping[str, str]

    def gpus(self) -> float:
        """Accelerators of all nodes."""
        return sum(node.capacity.accelerators for node in self.nodes if node.capacity)

    def gpus_requested(self, workloads: Iterable[Workload]) -> float:
        """Accelerators requested by the pods of ``workloads`` that have a node."""
        return sum(w.requests.accelerators for w in workloads for index in range(w.replicas) if w.pod(index) in self.node_of)


def place(
    workloads: Sequence[Workload],
    nodes: Sequence[Node],
    *,
    lost: Collection[str] = (),
    staying: Mapping[str, str] | None = None,
    autoscale: bool = True,
    closed: Collection[tuple[str, str]] = (),
) -> Placement:
    """Place the pods of ``workloads`` on ``nodes``.

    Args:
        workloads: what is to run; scheduled ones (CronJobs) take no room.
        nodes: the available nodes. A node without stated capacity accepts every pod.
        lost: names of nodes that are gone; they still define the shape and the zones of their pool's nodes.
        staying: pods that already have a node; they stay unless it is lost.
        autoscale: whether pools may grow up to their ``pool_max``, in the zones where the pool has nodes.
        closed: pairs (pool, zone) in which no node can be added, for instance because the zone is lost.
    """
    return _Placing(workloads, nodes, frozenset(lost), frozenset(closed)).run(staying or {}, autoscale=autoscale)


def best_nodes(workload: Workload, workloads: Sequence[Workload], nodes: Sequence[Node], placed: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the nodes among which kube-scheduler would draw for one more pod of ``workload``; empty if none has room.

    Args:
        workload: one of ``workloads``.
        workloads: all that runs or waits.
        nodes: the available nodes.
        placed: the node of each pod that has one, by :meth:`Workload.pod`.
    """
    placing = _Placing(workloads, nodes, frozenset(), frozenset())
    placing.settle(placed)
    return tuple(spot.node.name for spot in placing.best(workload))


@dataclass(frozen=True, slots=True)
class Ranked:
    """A node as a candidate for a pod: the weighted score of each plugin, or ``refusal``, why it cannot take the pod at all."""

    node: Node
    scores: Mapping[str, int]
    refusal: str = ""

    @property
    def total(self) -> int:
        """What the scheduler compares."""
        return sum(self.scores.values())


def ranking(
    pod: str, workload: Workload, workloads: Sequence[Workload], nodes: Sequence[Node], placed: Mapping[str, str]
) -> tuple[Ranked, ...]:
    """Return every node as a candidate for ``pod``, with all other pods where they are: the best first, those that refuse it last.

    Args:
        pod: its name by :meth:`Workload.pod`, whether it has a node or not.
        workload: that of the pod.
        workloads: all that runs or waits.
        nodes: the available nodes.
        placed: the node of each pod that has one.
    """
    placing = _Placing(workloads, nodes, frozenset(), frozenset())
    placing.settle({name: node for name, node in placed.items() if name != pod})
    allowed = {spot.node.name for spot in placing.allowed(workload)}
    fitting = [spot for spot in placing.spots if spot.node.name in allowed and spot.has_room(workload)]
    scores = placing.scoring.scores(workload, placing.spots, fitting) if fitting else []
    found = [Ranked(spot.node, parts) for spot, parts in zip(fitting, scores, strict=True)]
    for spot in placing.spots:
        if spot.node.name not in allowed:
            found.append(Ranked(spot.node, {}, workload.refused_by(spot.node) or "spreading or affinity"))
        elif not spot.has_room(workload):
            found.append(Ranked(spot.node, {}, f"too little {' and '.join(workload.requests.exceeding(spot.room)) or 'room for pods'}"))
    return tuple(sorted(found, key=lambda one: (bool(one.refusal), -one.total, one.node.name)))


class _Placing:
    def __init__(
        self, workloads: Sequence[Workload], nodes: Sequence[Node], lost: frozenset[str], closed: frozenset[tuple[str, str]]
    ) -> None:
        self.daemons = [w for w in workloads if w.per_node]
        self.workloads = [w for w in workloads if not w.per_node and not w.scheduled]
        self.closed = closed
        self.topology = Topology(workloads)
        self.scoring = Scoring(workloads)
        self.declared = sorted(nodes, key=lambda n: n.name)
        self.spots = [self._open(node) for node in self.declared if node.name not in lost]
        self.added: list[Node] = []

    def run(self, staying: Mapping[str, str], *, autoscale: bool) -> Placement:
        queue = self.settle(staying)
        waiting: dict[str, str] = {}
        # The pods of a workload are alike: where one finds no place, the next finds none either, until some pod gets one.
        refused: dict[int, str] = {}
        while queue:
            pod, workload = queue.pop(0)
            if (reason := refused.get(id(workload))) is not None:
                waiting[pod] = reason
                continue
            spot = min(self.best(workload), key=lambda spot: spot.node.name, default=None)
            if spot is None and workload.evicts and (found := self._make_room(workload)) is not None:
                spot, evicted = found
                # Preempted pods are queued again. They have a lower priority, so this terminates.
                queue = sorted([*queue, *evicted], key=lambda item: (-item[1].priority, item[1].label, item[0]))
            if spot is None and autoscale:
                spot = self._grow(workload)
            if spot is None:
                waiting[pod] = refused[id(workload)] = self._why(workload)
            else:
                refused.clear()
                spot.take(pod, workload)
        node_of = {pod: spot.node.name for spot in self.spots for pod, workload in spot.pods.items() if not workload.per_node}
        return Placement(tuple(spot.node for spot in self.spots), tuple(self.added), dict(sorted(node_of.items())), waiting)

    def settle(self, staying: Mapping[str, str]) -> list[tuple[str, Workload]]:
        """Put the pods on the nodes that they have; return those that have none, or none any more."""
        by_name = {spot.node.name: spot for spot in self.spots}
        homeless: list[tuple[str, Workload]] = []
        for workload in self.workloads:
            for pod in map(workload.pod, range(workload.replicas)):
                home = by_name.get(staying.get(pod, ""))
                if home and workload.admitted_by(home.node) and home.has_room(workload):
                    home.take(pod, workload)
                else:
                    homeless.append((pod, workload))
        return homeless

    def best(self, workload: Workload) -> list[Spot]:
        """Return the nodes with room for one more pod of ``workload`` that score highest."""
        fitting = [spot for spot in self.allowed(workload) if spot.has_room(workload)]
        return self.scoring.best(workload, self.spots, fitting)

    def _open(self, node: Node) -> Spot:
        spot = Spot(node, UNLIMITED if node.capacity is None else node.capacity)
        for daemon in self.daemons:
            if daemon.admitted_by(node) and spot.has_room(daemon):
                spot.take(f"{daemon.pod(0)}@{node.name}", daemon)
        return spot

    def allowed(self, workload: Workload) -> list[Spot]:
        """Nodes on which the constraints allow this workload, regardless of free capacity."""
        return self.topology.allowed(workload, self.spots, [spot for spot in self.spots if workload.admitted_by(spot.node)])

    def _make_room(self, workload: Workload) -> tuple[Spot, list[tuple[str, Workload]]] | None:
        """Preempt on the node where the victims have the lowest priority and are fewest."""
        choices: list[tuple[int, int, str, Spot, list[str]]] = []
        for spot in self.allowed(workload):
            room = spot.room
            victims: list[str] = []
            for pod, other in sorted(spot.pods.items(), key=lambda item: (item[1].priority, item[0])):
                if workload.requests.fits(room) or other.priority >= workload.priority:
                    break
                if not other.per_node:
                    room, victims = room + other.requests, [*victims, pod]
            if victims and workload.requests.fits(room):
                choices.append((max(spot.pods[v].priority for v in victims), len(victims), spot.node.name, spot, victims))
        if not choices:
            return None
        *_, spot, victims = min(choices, key=lambda choice: choice[:3])
        evicted = [(pod, spot.pods[pod]) for pod in victims]
        for pod in victims:
            spot.release(pod)
        return spot, evicted

    def _grow(self, workload: Workload) -> Spot | None:
        """Add a node to the first pool (by name) that may grow and whose nodes would take the pod."""
        templates: dict[str, Node] = {}
        for declared in self.declared:
            templates.setdefault(declared.pool, declared)
        for pool, template in sorted(templates.items()):
            node = self._another(pool, template) if workload.admitted_by(template) else None
            if node is not None:
                spot = self._open(node)
                self.spots.append(spot)
                if spot.has_room(workload) and spot in self.allowed(workload):
                    self.added.append(node)
                    return spot
                self.spots.pop()
        return None

    def _another(self, pool: str, template: Node) -> Node | None:
        """One more node of ``pool``, in the zone where it has fewest; None if the pool is at its maximum or its zones are closed."""
        live = Counter(spot.node.zone for spot in self.spots if spot.node.pool == pool)
        zones = sorted({node.zone for node in self.declared if node.pool == pool and (pool, node.zone) not in self.closed})
        if not zones or template.pool_max is None or live.total() >= template.pool_max:
            return None
        zone = min(zones, key=lambda z: (live[z], z))
        taken = {node.name for node in (*self.declared, *self.added)}
        name = next(name for number in itertools.count() if (name := f"{pool}-added-{number}") not in taken)
        return replace(template, name=name, zone=zone, labels={**template.labels, labels.ZONE: zone})

    def _why(self, workload: Workload) -> str:
        admitting = [spot for spot in self.spots if workload.admitted_by(spot.node)]
        if not admitting and any(workload.admitted_by(node) for node in self.declared):
            return "every node that would take it is away"
        if not admitting:
            return "no node has the labels it selects and taints it tolerates"
        if not self.allowed(workload):
            return "spreading or affinity leaves no node"
        bounds = ", ".join(sorted({spot.node.pool for spot in admitting}))
        short = set.intersection(*(set(workload.requests.exceeding(spot.room)) for spot in admitting))
        if not short and all(len(spot.pods) >= spot.node.most_pods for spot in admitting):
            return f"the {len(admitting)} nodes of {bounds} have as many pods as they take"
        return f"not enough {' and '.join(sorted(short)) or 'room'} on the {len(admitting)} nodes of {bounds}"
