"""The faults: crashes, stalls, partitions, bad networks, disks, clock drift, leadership transfers, membership changes."""

from __future__ import annotations

from collections.abc import Callable

from workloads.consensus.errors import ConsensusError
from workloads.consensus.raft.member import Member
from workloads.consensus.simulation.cluster import Cluster
from workloads.consensus.simulation.network import Weather


class Nemesis:
    """Draws one fault after another until it is stopped."""

    def __init__(self, cluster: Cluster, *, mean_ms: float = 150.0) -> None:
        self._cluster = cluster
        self._mean_ms = mean_ms
        self._active = True
        self._troubles = [
            self._crash, self._bounce, self._restart, self._part, self._part_leader, self._part_leader, self._heal, self._heal,
            self._weather, self._clock, self._transfer, self._members, self._crash_points, self._disk,
            self._stall,
        ]  # fmt: skip
        self._later()

    def stop(self) -> None:
        """End all faults: every node up, every link restored, a good network."""
        self._active = False
        self._cluster.network.heal()
        self._cluster.network.weather = Weather()
        for node in self._cluster.nodes.values():
            node.crash_probability = 0.0
            node.disk.files.crash_at = node.disk.files.full_from = None
        self._restart()

    def _later(self) -> None:
        self._cluster.after(self._cluster.chance.expovariate(1 / self._mean_ms), self._strike)

    def _strike(self) -> None:
        if self._active:
            self._cluster.chance.choice(self._troubles)()
            self._later()

    def _crash(self) -> None:
        node = self._cluster.chance.choice(list(self._cluster.nodes.values()))
        if node.is_up:
            node.crash()

    def _restart(self) -> None:
        for name, node in self._cluster.nodes.items():
            if not node.is_up:
                self._cluster.start(name)

    def _bounce(self) -> None:
        """Some crash and restart immediately: their promises must have been durable."""
        for name, node in self._cluster.nodes.items():
            if node.is_up and self._cluster.chance.random() < 0.5:
                node.crash()
                self._cluster.start(name)

    def _stall(self) -> None:
        """Anyone is stopped, for no longer than a few elections take; a leader is cut off, too, so that it goes on without the news."""
        node = self._cluster.chance.choice(list(self._cluster.nodes.values()))
        if node is self._cluster.leader:
            self._part_leader()
        node.stall(self._cluster.chance.uniform(5.0, 500.0))

    def _part(self) -> None:
        names = list(self._cluster.nodes)
        side = self._cluster.chance.sample(names, self._cluster.chance.randrange(1, len(names)))
        self._cluster.network.part(side, names, one_way=self._cluster.chance.random() < 0.3)

    def _part_leader(self) -> None:
        if leader := self._cluster.leader:
            self._cluster.network.part([leader.name], self._cluster.nodes)

    def _heal(self) -> None:
        self._cluster.network.heal()

    def _weather(self) -> None:
        chance = self._cluster.chance
        self._cluster.network.weather = Weather(
            mean_delay_ms=chance.choice((1.0, 5.0, 30.0)), loss=chance.choice((0.0, 0.05, 0.2)), copies=chance.choice((0.0, 0.1))
        )

    def _clock(self) -> None:
        """Clocks run apart by up to the drift that the settings allow for."""
        chance = self._cluster.chance
        chance.choice(list(self._cluster.nodes.values())).clock_rate = (
            1 + chance.uniform(-0.5, 0.5) * self._cluster.settings.max_clock_drift
        )

    def _crash_points(self) -> None:
        """One node crashes soon, at a step of carrying out effects."""
        self._cluster.chance.choice(list(self._cluster.nodes.values())).crash_probability = self._cluster.chance.choice((0.0, 0.01, 0.05))

    def _disk(self) -> None:
        """One node's disk is full at one of the next operations, or its process crashes in the middle of one."""
        files, chance = self._cluster.chance.choice(list(self._cluster.nodes.values())).disk.files, self._cluster.chance
        at = files.operations + chance.randrange(1, 12)
        if chance.random() < 0.5:
            files.crash_at = at
        else:
            files.full_from = at

    def _transfer(self) -> None:
        self._ask(lambda member: member.transfer(self._cluster.chance.choice(list(self._cluster.nodes))))

    def _members(self) -> None:
        names = list(self._cluster.nodes)
        voters = self._cluster.chance.sample(names, self._cluster.chance.choice((3, min(5, len(names)))))
        learners = [name for name in names if name not in voters and self._cluster.chance.random() < 0.5]
        self._ask(lambda member: member.change(voters, learners))

    def _ask(self, request: Callable[[Member], None]) -> None:
        leader = self._cluster.leader
        if leader is not None:
            try:
                request(leader.member)
            except ConsensusError:
                return
            leader.pump()
