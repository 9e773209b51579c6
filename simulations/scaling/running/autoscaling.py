"""The autoscalers of a graph as participants of a run: they read the engines' load and change the number of replicas.

Rule 1: the control loop acts every 15 s (``--horizontal-pod-autoscaler-sync-period``) on the mean of the last 15 s, the resolution of
metrics-server; queue lengths are those of the moment.
Rule 2: an engine on CPUs uses its threads while it has work. One on a GPU is assumed to use one core, for its scheduler: that is why CPU
says little about an engine on a GPU.
Rule 3: a pod that is switched off takes no new requests; it ends those that it has within its grace period, and the others fail.
Rule 4: the backlog is judged only while the number of replicas is settled: what an autoscaler is about to mend is no overload.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from simulations.failures import Delays
from simulations.kernel import Order
from simulations.scaling.horizontal import SYNC_PERIOD_S, Autoscaler, HorizontalSpec
from simulations.scaling.metrics import PodReadings
from simulations.scaling.queue_length import QueueScaler, QueueSpec
from simulations.scaling.running.fleet import Fleet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulations.backlog import Backlog
    from simulations.cluster import Placement
    from simulations.failures import NodeOutage
    from simulations.scaling.consolidation import Consolidation
    from simulations.scaling.declared import Scaler, Target
    from simulations.scaling.running.activator import Activator
    from simulations.scaling.running.record import PodLife
    from simulations.world import Replica, World
    from stacks.graph.capacity import Node
    from stacks.graph.demand import Workload

#: Cores of an engine on a GPU while it has work; assumed, from the one busy thread of vLLM's engine core.
GPU_ENGINE_CORES: Final = 1.0


@dataclass(frozen=True, slots=True)
class Setting:
    """What is scaled, and how: equal settings give equal runs.

    ``start``: where the pods of ``workloads`` are at first, on ``nodes``. ``cores``: what an engine uses while it has work. ``slots``:
    requests that one engine runs at a time; more of them wait. ``until_s``: when the autoscalers stop, the end of the traffic. ``rules``:
    when added nodes go again, by pool.
    """

    scalers: tuple[Scaler, ...]
    workloads: tuple[Workload, ...]
    nodes: tuple[Node, ...]
    start: Placement
    cores: float
    slots: int
    until_s: float
    delays: Delays = field(default_factory=Delays)
    lost: tuple[NodeOutage, ...] = ()
    rules: Mapping[str, Consolidation] = field(default_factory=dict)

    @property
    def to_zero(self) -> bool:
        """Whether the last replica may go, so that requests have to wait at the door."""
        return any(scaler.to_zero for scaler in self.scalers)


class Autoscaling:
    """Takes part in one run; ``fleet.record`` is what it did. ``activator`` holds requests if the last replica may go."""

    def __init__(self, setting: Setting, *, activator: Activator | None = None, backlog: Backlog | None = None) -> None:
        self.setting = setting
        self.fleet = Fleet(setting.workloads, setting.nodes, setting.start, setting.delays, lost=setting.lost, rules=setting.rules)
        self._activator, self._backlog = activator, backlog
        self._coming: set[str] = set()  # pods with a node that are not ready yet
        self._placed = {life.name for life in self.fleet.live.values() if math.isfinite(life.ready_s)}

    def join(self, world: World) -> None:
        """Begin the control loop of every autoscaler."""
        if self._backlog is not None:
            self._backlog.hold()
        for scaler in self.setting.scalers:
            world.loop.at(SYNC_PERIOD_S, _Control(scaler, self, world).sync, Order.PROCESS)
        for outage in self.setting.lost:
            world.loop.at(outage.start_s, partial(self._lose, world, outage), Order.LOST)

    def change(self, world: World, scaler: Scaler, replicas: int) -> None:
        """Start or switch off replicas of the controller."""
        if self._backlog is not None:
            self._backlog.hold()
        for life in self.fleet.scale(world.loop.now_s, scaler.controller, replicas):
            if life.name in world.replicas:
                self._switch_off(world, world.replicas[life.name], self.fleet.grace_s(scaler.controller))
        self._start_placed(world)

    def consolidate(self, world: World) -> None:
        """Let nodes go that are not needed; the pods on them start again elsewhere."""
        moved = self.fleet.consolidate(world.loop.now_s)
        if moved and self._backlog is not None:
            self._backlog.hold()
        for life, workload in moved:
            self._switch_off(world, world.replicas[life.name], self.fleet.grace_s(workload.label))
        self._start_placed(world)

    def settled(self) -> None:
        """Let the backlog be judged, unless replicas are still starting."""
        if self._backlog is not None and not self._coming:
            self._backlog.judge(len(self.fleet.live) * self.setting.slots)

    @property
    def held(self) -> int:
        """Requests that wait at the door for a replica."""
        return 0 if self._activator is None else len(self._activator)

    def _start_placed(self, world: World) -> None:
        """Have every pod that has a node now be ready when its model is loaded; a change may have made room for any of them."""
        for life in self.fleet.live.values():
            if life.name not in self._placed and math.isfinite(life.ready_s):
                self._placed.add(life.name)
                self._coming.add(life.name)
                world.loop.at(life.ready_s, partial(self._ready, world, life), Order.BACK)

    def _ready(self, world: World, life: PodLife) -> None:
        self._coming.discard(life.name)
        if life.end_s <= world.loop.now_s:
            return  # switched off while it started
        if (waited := world.replicas.get(life.name)) is not None:  # a pod of the start that had no node
            waited.down -= 1
            waited.unlisted -= 1
        else:
            world.start(life.name)
        if self._activator is not None:
            self._activator.release()

    def _lose(self, world: World, outage: NodeOutage) -> None:
        """End the pods that were added on a node that is lost now; those of the start are down by their own outages."""
        now_s, delays = world.loop.now_s, self.setting.delays
        for life, workload in self.fleet.lose(now_s, outage.node):
            if (replica := world.replicas.get(life.name)) is not None:
                replica.down += 1
                replica.engine.fail_all(replica.why_down)
                world.loop.at(now_s + (0.0 if outage.announced else delays.notice_s), partial(_unlist, replica), Order.NOTICED)
            again_s = now_s + (0.0 if outage.announced else delays.until_replaced(workload))
            if again_s < self.setting.until_s:
                world.loop.at(again_s, partial(self._replace, world, workload), Order.BACK)

    def _replace(self, world: World, workload: Workload) -> None:
        self.fleet.scale(world.loop.now_s, workload.label, self.fleet.replicas(workload.label))
        self._start_placed(world)

    @staticmethod
    def _switch_off(world: World, replica: Replica, grace_s: float) -> None:
        _unlist(replica)

        def kill() -> None:
            replica.down += 1
            replica.engine.fail_all(replica.why_down)

        world.loop.at(world.loop.now_s + grace_s, kill, Order.LOST)


def _unlist(replica: Replica) -> None:
    replica.unlisted += 1


class _Control:
    """The control loop of one autoscaler."""

    def __init__(self, scaler: Scaler, owner: Autoscaling, world: World) -> None:
        self._scaler, self._owner, self._world = scaler, owner, world
        self._horizontal = Autoscaler(scaler.bounds)
        # What switches the last replica on and off; between one and the maximum the inner autoscaler decides.
        self._switch = (
            QueueScaler(QueueSpec(1.0, HorizontalSpec(0, scaler.bounds.most), cooldown_s=scaler.cooldown_s)) if scaler.to_zero else None
        )
        if self._switch is not None:
            self._switch.switch(0.0, 1, math.inf)  # the run begins in a steady state: there was traffic until now
        self._busy_before: dict[str, float] = {}

    def sync(self) -> None:
        world, owner, scaler = self._world, self._owner, self._scaler
        now_s, current = world.loop.now_s, owner.fleet.replicas(scaler.controller)
        wanted = self._wanted(now_s, current)
        owner.consolidate(world)
        if wanted != current:
            owner.change(world, scaler, wanted)
        elif now_s >= 2 * SYNC_PERIOD_S:  # the first look has no whole window behind it
            owner.settled()
        following_s = now_s + (scaler.polling_s if wanted == 0 else SYNC_PERIOD_S)
        if following_s < owner.setting.until_s or owner.held:
            world.loop.at(following_s, self.sync, Order.PROCESS)

    def _wanted(self, now_s: float, current: int) -> int:
        queued = self._in_flight() + self._owner.held
        if self._switch is not None:
            switched = self._switch.switch(now_s, current, queued)
            if switched is not None:
                return switched
        if current == 0:
            return 0
        return self._horizontal.replicas(now_s, current, [self._readings(target, current) for target in self._scaler.targets])

    def _in_flight(self) -> int:
        return sum(replica.engine.outstanding() for replica in self._world.replicas.values() if not replica.down)

    def _readings(self, target: Target, current: int) -> PodReadings:
        now_s, pods = self._world.loop.now_s, self._owner.fleet.pods(self._scaler.controller)
        replicas = {pod.name: self._world.replicas.get(pod.name) for pod in pods}
        up = [pod for pod in pods if (found := replicas[pod.name]) is not None and not found.down]
        if target.reading == "cpu":
            return self._cpu(target, up, len(pods), now_s)
        values = [self._count(target, replicas[pod.name]) for pod in up]
        if not target.of_all:
            return PodReadings(target.value, values, unready=len(pods) - len(up))
        total = math.fsum(values) + (self._owner.held if target.reading != "running" else 0)
        if target.shared:
            return PodReadings(target.value, [total / current] * current)
        return PodReadings(target.value, [total] * max(1, len(up)))

    def _count(self, target: Target, replica: Replica | None) -> float:
        assert replica is not None, "only pods that are up are counted"
        there, slots = replica.engine.outstanding(), self._owner.setting.slots
        return float({"waiting": max(0, there - slots), "running": min(there, slots), "in_flight": there}[target.reading])

    def _cpu(self, target: Target, up: list[PodLife], pods: int, now_s: float) -> PodReadings:
        """Read cores as a share of the request; a pod that has not been ready for the whole window counts as starting."""
        request = self._owner.fleet.cpu(self._scaler.controller)
        shares: list[float] = []
        for pod in up:
            busy_s = self._world.replicas[pod.name].busy_until(now_s)
            before_s = self._busy_before.get(pod.name, 0.0)
            self._busy_before[pod.name] = busy_s
            if pod.ready_s <= now_s - SYNC_PERIOD_S:
                shares.append((busy_s - before_s) / SYNC_PERIOD_S * self._owner.setting.cores / request)
        return PodReadings(target.value, shares, unready=pods - len(shares), full=1.0, utilisation=True)
