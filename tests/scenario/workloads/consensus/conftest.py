"""A group on the simulated clock, as the scenarios of MIT 6.5840's lab 3 use it: an election timeout of a second, ten heartbeats in one."""

from __future__ import annotations

import pytest

from workloads.consensus.errors import ConsensusError
from workloads.consensus.raft.state import Role, Settings
from workloads.consensus.simulation.cluster import Cluster
from workloads.consensus.simulation.network import Weather
from workloads.consensus.simulation.node import Node
from workloads.consensus.store.command import Action, Command

#: labrpc's unreliable network: up to 26 ms of delay, a tenth of requests and of replies lost.
UNRELIABLE = Weather(mean_delay_ms=13.0, loss=0.1)
REQUESTS = "VoteRequest", "AppendRequest", "Heartbeat", "SnapshotRequest"


class Group:
    """Members, with the lab's verbs."""

    def __init__(self, members: int = 3, *, unreliable: bool = False, seed: int = 1) -> None:
        weather = UNRELIABLE if unreliable else None
        names = [f"n{number}" for number in range(members)]
        self.cluster = Cluster(seed, names, settings=Settings(election_ticks=10, heartbeat_ticks=1), tick_ms=100.0, weather=weather)
        self.nodes = self.cluster.nodes
        self.cut: set[str] = set()
        self.number = 0

    @property
    def requests(self) -> int:
        """RPCs so far; a reply belongs to its request."""
        return sum(self.cluster.sent.get(name, 0) for name in REQUESTS)

    def run(self, duration_ms: float) -> None:
        self.cluster.run_for(duration_ms)

    def connected_leaders(self) -> list[Node]:
        return [node for node in self.nodes.values() if node.is_up and node.name not in self.cut and node.member.role is Role.LEADER]

    def one_leader(self, limit_ms: float = 10_000) -> Node:
        """Wait until one connected node leads, with a majority that knows it."""

        def led() -> bool:
            leaders = self.connected_leaders()
            newest = max(leaders, key=lambda node: node.member.term, default=None)
            knows = [node for node in self.nodes.values() if newest and node.is_up and node.member.leader == newest.name]
            return newest is not None and len(knows) > len(self.nodes) // 2

        assert self.cluster.run_until(led, limit_ms=limit_ms)
        return max(self.connected_leaders(), key=lambda node: node.member.term)

    def disconnect(self, *names: str) -> None:
        self.cut.update(names)
        self._links()

    def connect(self, *names: str) -> None:
        self.cut.difference_update(names)
        self._links()

    def _links(self) -> None:
        self.cluster.network.heal()
        for name in self.cut:
            self.cluster.network.part([name], self.nodes)

    def command(self, size: int = 0) -> Command:
        self.number += 1
        return Command(f"test.{self.number}", 1, int(self.cluster.now_ms), Action.PUT, "key", f"{self.number}" + "x" * size)

    def start(self, node: Node, size: int = 0) -> Command | None:
        """Propose a command; None where ``node`` does not lead."""
        command = self.command(size)
        try:
            node.member.propose(command.encoded())
        except ConsensusError:
            return None
        node.pump()
        return command

    def holders(self, command: Command) -> int:
        """How many nodes have committed ``command``."""
        found = [index for index, entry in self.cluster.invariants.committed.items() if entry.data == command.encoded()]
        return sum(node.is_up and node.applied >= found[0] for node in self.nodes.values()) if found else 0

    def one(self, expected: int, *, size: int = 0, limit_ms: float = 10_000) -> Command:
        """Have a command agreed, by as many nodes as ``expected``; try again with whoever leads."""
        until = self.cluster.now_ms + limit_ms
        while self.cluster.now_ms < until:
            for leader in self.connected_leaders():
                command = self.start(leader, size)
                if command and self._agreed(command, expected):
                    return command
            self.run(50)
        raise AssertionError(f"no agreement of {expected} within {limit_ms:g} ms")

    def _agreed(self, command: Command, expected: int) -> bool:
        return self.cluster.run_until(lambda: self.holders(command) >= expected, limit_ms=2_000)

    def crash(self, *names: str) -> None:
        for name in names:
            if self.nodes[name].is_up:
                self.nodes[name].crash()

    def restart(self, *names: str) -> None:
        for name in names:
            self.cluster.start(name)


@pytest.fixture
def lab() -> type[Group]:
    return Group
