"""The effect of lost nodes on the engine's replicas: which are down, and when.

Rule 1: at every change the pods are placed again (``simulations.cluster.place``): those from lost nodes are rescheduled, preempt less
important pods, or wait for a node from the autoscaler.
Rule 2: a replica that moves is back only after Kubernetes has noticed the loss of its node, its pod has been replaced, a node has been
added if necessary, and the engine has started; :class:`Delays` gives the provenance of each delay.
Rule 3: an unannounced loss is not known immediately: clients send to the lost replica until Kubernetes notices.
Rule 4: pods that are down at the start have been down for a long time: the run begins in the steady state.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from simulations.cluster import Placement, place
from simulations.failures.outage import Outage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulations.failures.incidents import NodeOutage
    from stacks.graph.capacity import Node
    from stacks.graph.demand import Workload

_UNREACHABLE = "node.kubernetes.io/unreachable"


@dataclass(frozen=True, slots=True)
class Delays:
    """The delays of a recovery, in seconds.

    ``notice_s``: until the control plane calls a silent node unreachable; published: default of ``node-monitor-grace-period`` since
    Kubernetes 1.32. ``toleration_s``: how long its pods are left there; published: default of the admission plugin
    DefaultTolerationSeconds, used unless the pods say otherwise. ``provision_s``: until an added node is ready; assumed.
    ``start_s``: from a pod with a node to an engine with its model loaded; assumed.
    """

    notice_s: float = 50.0
    toleration_s: float = 300.0
    provision_s: float = 300.0
    start_s: float = 60.0

    def until_replaced(self, workload: Workload) -> float:
        """Return how long after the unannounced loss of its node a pod of ``workload`` is replaced."""
        for toleration in workload.resource.pod_spec.get("tolerations") or ():
            if toleration.get("key") in {None, "", _UNREACHABLE} and toleration.get("effect") in {None, "", "NoExecute"}:
                return self.notice_s + float(toleration.get("tolerationSeconds", math.inf))
        return self.notice_s + self.toleration_s


@dataclass(frozen=True)
class Effects:
    """The effects of lost nodes on a run. ``first`` and ``last`` are the placements at its start and after its last change."""

    first: Placement
    last: Placement
    outages: tuple[Outage, ...]

    @cached_property
    def _by_replica(self) -> Mapping[str, Sequence[Outage]]:
        found: dict[str, list[Outage]] = {}
        for outage in self.outages:
            found.setdefault(outage.replica, []).append(outage)
        return found

    def outages_of(self, pod: str) -> Sequence[Outage]:
        """Return when ``pod`` was down, in the order of the outages."""
        return self._by_replica.get(pod, ())

    def down_s(self, pod: str, horizon_s: float) -> float:
        """Seconds of the run during which ``pod`` could not serve."""
        return sum(max(0.0, min(o.end_s, horizon_s) - max(o.start_s, 0.0)) for o in self.outages_of(pod))


def play(
    workloads: Sequence[Workload], nodes: Sequence[Node], lost: Sequence[NodeOutage], *, horizon_s: float, delays: Delays | None = None
) -> Effects:
    """Place the pods at the start and after every change until ``horizon_s``, and collect when engines are down."""
    delays = delays or Delays()
    known = list(nodes)
    pools = {node.name: (node.pool, node.zone) for node in nodes}
    down = _Downtimes([(w, w.pod(index)) for w in workloads if w.is_engine for index in range(w.replicas)], delays)
    changes = sorted({0.0} | {t for o in lost for t in (o.start_s, o.end_s) if 0 < t < horizon_s})
    first = current = None
    for at_s in changes:
        away = {o.node: o for o in lost if o.covers(at_s)}
        closed = {pools[o.node] for o in away.values() if o.closes_zone}
        after = place(workloads, known, lost=away, staying=current.node_of if current else None, closed=closed)
        if current is None:
            first = after
            down.start(after)
        else:
            down.change(at_s, current, after, away)
        known += after.added
        current = after
    assert first is not None, "a run has a start"
    assert current is not None, "a run has a start"
    return Effects(first, current, down.close())


class _Downtimes:
    """Keeps, for every replica, when it went down and when it will be up."""

    def __init__(self, replicas: list[tuple[Workload, str]], delays: Delays) -> None:
        self.replicas, self.delays = replicas, delays
        self.since: dict[str, float] = {}
        self.back: dict[str, float] = {}
        self.notice: dict[str, float] = {}
        self.ended: list[Outage] = []

    def start(self, placed: Placement) -> None:
        for _, pod in self.replicas:
            if pod not in placed.node_of:
                self.since[pod], self.back[pod], self.notice[pod] = 0.0, math.inf, 0.0

    def change(self, at_s: float, before: Placement, after: Placement, away: dict[str, NodeOutage]) -> None:
        fresh = {node.name for node in after.added}
        for workload, pod in self.replicas:
            old, new = before.node_of.get(pod), after.node_of.get(pod)
            if old == new:
                continue
            self._end_if_back(pod, at_s)
            missed = old in away and not away[old].announced
            if pod not in self.since:
                self.since[pod], self.notice[pod] = at_s, self.delays.notice_s if missed else 0.0
            wait = self.delays.until_replaced(workload) if missed else 0.0
            extra = self.delays.provision_s if new in fresh else 0.0
            self.back[pod] = at_s + wait + extra + self.delays.start_s if new else math.inf

    def close(self) -> tuple[Outage, ...]:
        for pod in list(self.since):
            self._end_if_back(pod, math.inf)
        self.ended += [Outage(pod, start, math.inf, self.notice[pod]) for pod, start in self.since.items()]
        return tuple(sorted(self.ended, key=lambda o: (o.replica, o.start_s)))

    def _end_if_back(self, pod: str, at_s: float) -> None:
        if pod in self.since and self.back[pod] <= at_s and self.back[pod] < math.inf:
            self.ended.append(Outage(pod, self.since.pop(pod), self.back.pop(pod), self.notice.pop(pod)))
