"""The pods of the engines and the nodes below them, while autoscalers change their number.

Rule 1: pods are placed as everywhere (``simulations.cluster.place``). What finds no room has the cluster autoscaler add a node, within the
bounds of its pool; what finds none even so waits, and is tried again at the next change.
Rule 2: a pod is ready once its node is, plus the time in which its container starts and loads the model.
Rule 3: the pod with the highest number goes first, as a ReplicaSet removes the youngest.
Rule 4: an added node goes again by the rule of its pool (``consolidation.py``), one with pods at a time; these start again on other nodes.
Declared nodes stay, they are the minimum of their pool.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from simulations.cluster import place
from simulations.scaling.consolidation import UNNEEDED
from simulations.scaling.running.record import NodeLife, PodLife, ScalingRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from simulations.cluster import Placement
    from simulations.failures import Delays, NodeOutage
    from simulations.scaling.consolidation import Consolidation
    from stacks.graph.capacity import Node
    from stacks.graph.demand import Workload


class Fleet:
    """``start`` is where the pods of ``workloads`` are at first, on ``nodes``; ``lost`` are the nodes that go during the run.

    ``rules`` say by pool when added nodes go again.
    """

    def __init__(
        self,
        workloads: Sequence[Workload],
        nodes: Sequence[Node],
        start: Placement,
        delays: Delays,
        *,
        lost: Sequence[NodeOutage],
        rules: Mapping[str, Consolidation],
    ) -> None:
        self.record = ScalingRecord()
        self.live: dict[str, PodLife] = {}  # engines' pods by the name that the scheduler knows
        self._workloads = {workload.label: workload for workload in workloads}
        self._nodes = list(nodes)
        self._pools = {node.name: (node.pool, node.zone) for node in nodes}
        self._node_of = dict(start.node_of)
        self._delays, self._lost, self._rules = delays, lost, rules
        self._added: dict[str, NodeLife] = {}
        self._unchanged: dict[str, tuple[frozenset[str], float]] = {}  # the pods of an added node, and since when they are those
        for workload in self._workloads.values():
            if workload.is_engine:
                for pod in map(workload.pod, range(workload.replicas)):
                    there = 0.0 if pod in start.node_of or not nodes else math.inf
                    self._begin(PodLife(pod, workload.requests.gpu, placed_s=there, ready_s=there), pod)

    def replicas(self, controller: str) -> int:
        """Return how many replicas the controller is to have."""
        return self._workloads[controller].replicas

    def pods(self, controller: str) -> list[PodLife]:
        """Return the pods of the controller, ready or not."""
        workload = self._workloads[controller]
        return [self.live[pod] for pod in map(workload.pod, range(workload.replicas))]

    def cpu(self, controller: str) -> float:
        """Return the cores that a pod requests."""
        return self._workloads[controller].requests.cpu

    def grace_s(self, controller: str) -> float:
        """Return how long a pod may take to end (``terminationGracePeriodSeconds``)."""
        return float(self._workloads[controller].resource.pod_spec.get("terminationGracePeriodSeconds", 30))

    def lose(self, now_s: float, node: str) -> list[tuple[PodLife, Workload]]:
        """End the pods on ``node`` that were added in the run; each waits for another node until the next :meth:`scale`."""
        lost: list[tuple[PodLife, Workload]] = []
        for workload in self._workloads.values():
            for pod in map(workload.pod, range(workload.replicas)):
                if (life := self.live.get(pod)) is not None and life.asked_s > 0 and self._node_of.get(pod) == node:
                    life.end_s = now_s
                    lost.append((life, workload))
                    del self._node_of[pod]
                    self._begin(self._next_life(pod, workload, now_s), pod)
        return lost

    def scale(self, now_s: float, controller: str, replicas: int) -> list[PodLife]:
        """Set the number of replicas; return the pods that are switched off. New ones are in :meth:`pods`, with when they are ready."""
        workload = self._workloads[controller]
        gone: list[PodLife] = []
        for pod in map(workload.pod, range(replicas, workload.replicas)):
            life = self.live.pop(pod)
            life.end_s = now_s
            self._node_of.pop(pod, None)
            gone.append(life)
        for pod in map(workload.pod, range(workload.replicas, replicas)):
            self._begin(self._next_life(pod, workload, now_s), pod)
        self._workloads[controller] = replace(workload, replicas=replicas)
        self._place(now_s)
        return gone

    def consolidate(self, now_s: float) -> list[tuple[PodLife, Workload]]:
        """Remove added nodes by the rules of their pools; return the pods that had to leave them, which start again elsewhere."""
        for name, life in list(self._added.items()):
            pods = frozenset(pod for pod, node in self._node_of.items() if node == name)
            before, since_s = self._unchanged.get(name, (None, now_s))
            if before != pods:
                self._unchanged[name] = pods, now_s
                continue
            rule = self._rules.get(life.node.pool, UNNEEDED)
            if now_s - since_s < rule.after_s:
                continue
            if not pods:
                self._remove(name, now_s)
            elif rule.underused and not self._starting(pods, now_s) and (homes := self._without(name, now_s)) is not None:
                self._remove(name, now_s)
                return self._move(pods, homes, now_s)
        return []

    def _starting(self, pods: Iterable[str], now_s: float) -> bool:
        return any(life.ready_s > now_s for pod in pods if (life := self.live.get(pod)) is not None)

    def _without(self, name: str, now_s: float) -> dict[str, str] | None:
        """Return where all pods are without this node, or None if one of them would wait or need another node."""
        nodes = [node for node in self._nodes if node.name != name]
        staying = {pod: node for pod, node in self._node_of.items() if node != name}
        after = self._placed(nodes, staying, now_s, autoscale=False)
        return dict(after.node_of) if self._node_of.keys() <= after.node_of.keys() else None

    def _remove(self, name: str, now_s: float) -> None:
        self._added.pop(name).removed_s = now_s
        self._unchanged.pop(name, None)  # the next node may have the same name
        self._nodes = [node for node in self._nodes if node.name != name]

    def _move(self, pods: frozenset[str], homes: dict[str, str], now_s: float) -> list[tuple[PodLife, Workload]]:
        """End the engines' pods among ``pods`` and start each on its node in ``homes``, which is there already."""
        self._node_of = homes
        moved: list[tuple[PodLife, Workload]] = []
        of = {w.pod(index): w for w in self._workloads.values() if w.is_engine for index in range(w.replicas)}
        for pod in sorted(pods & of.keys()):
            old = self.live[pod]
            old.end_s = now_s
            moved.append((old, of[pod]))
            life = self._next_life(pod, of[pod], now_s)
            self._begin(life, pod)
            self._settle(life, now_s, now_s)
        return moved

    def _next_life(self, pod: str, workload: Workload, now_s: float) -> PodLife:
        """Return a new pod; a name that was in use before gets a number, because the old replica may still be ending its requests."""
        before = sum(life.name.partition(" ")[0] == pod for life in self.record.pods)
        return PodLife(f"{pod} ({before + 1})" if before else pod, workload.requests.gpu, asked_s=now_s)

    def _begin(self, life: PodLife, pod: str) -> None:
        self.live[pod] = life
        self.record.pods.append(life)

    def _place(self, now_s: float) -> None:
        if not self._nodes:  # a graph without nodes: every pod runs
            for life in self.live.values():
                self._settle(life, now_s, now_s)
            return
        after = self._placed(self._nodes, self._node_of, now_s)
        for node in after.added:
            self._nodes.append(node)
            self._pools[node.name] = (node.pool, node.zone)
            self._added[node.name] = NodeLife(node, now_s)
            self.record.nodes.append(self._added[node.name])
        self._node_of = dict(after.node_of)
        for pod, life in self.live.items():
            if (node_name := self._node_of.get(pod)) is not None:
                added = self._added.get(node_name)
                self._settle(life, now_s, now_s if added is None else max(now_s, added.added_s + self._delays.provision_s))

    def _placed(self, nodes: Sequence[Node], staying: Mapping[str, str], now_s: float, *, autoscale: bool = True) -> Placement:
        """Place all pods on ``nodes`` but those that are lost now; those of ``staying`` have a node."""
        away = {outage.node: outage for outage in self._lost if outage.covers(now_s)}
        closed = {self._pools[outage.node] for outage in away.values() if outage.closes_zone}
        return place(tuple(self._workloads.values()), nodes, lost=away, staying=staying, closed=closed, autoscale=autoscale)

    def _settle(self, life: PodLife, now_s: float, node_ready_s: float) -> None:
        if math.isinf(life.placed_s):
            life.placed_s, life.ready_s = now_s, node_ready_s + self._delays.start_s
