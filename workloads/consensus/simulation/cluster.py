"""The event loop: members, network and clients on one simulated clock, all chance from one seed."""

from __future__ import annotations

import hashlib
import heapq
import random
from collections.abc import Callable, Iterable

from workloads.consensus.raft.configuration import Configuration
from workloads.consensus.raft.member import Member
from workloads.consensus.raft.messages import Message, Snapshot
from workloads.consensus.raft.state import Role, Settings
from workloads.consensus.simulation.disk import Disk
from workloads.consensus.simulation.invariants import Invariants
from workloads.consensus.simulation.network import Network, Weather
from workloads.consensus.simulation.node import Node
from workloads.consensus.store.machine import Machine


class Cluster:
    """A group of nodes.

    Args:
        seed: equal seeds give equal runs.
        names: of the first voters.
        spares: nodes that are no members yet.
        settings: of every member.
        weather: of the network.
        tick_ms: a member's tick.
        member: the class of the members; a test of the checks puts a broken one here.
        loses_syncs: the disks lie.
        sync_ms: mean time of an fsync; half of it is the least.
    """

    def __init__(
        self,
        seed: int,
        names: Iterable[str],
        *,
        spares: Iterable[str] = (),
        settings: Settings | None = None,
        weather: Weather | None = None,
        tick_ms: float = 10.0,
        member: type[Member] = Member,
        loses_syncs: bool = False,
        sync_ms: float = 0.3,
    ) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.now_ms = 0.0
        self.events = 0
        self.tick_ms = tick_ms
        self.network = Network(self.chance, weather or Weather())
        self.invariants = Invariants()
        self.settings = settings or Settings()
        self.sent: dict[str, int] = {}  # messages by type
        self._member = member
        self._sync_ms = sync_ms
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self._trace = hashlib.blake2b(digest_size=16)
        names = list(names)
        first = Snapshot(0, 0, Configuration(frozenset(names)), Machine().snapshot())
        self.nodes = {name: Node(name, self, Disk(first, self.chance, loses_syncs=loses_syncs)) for name in [*names, *spares]}
        self.disks = {name: node.disk for name, node in self.nodes.items()}
        for node in self.nodes.values():
            self.start(node.name)

    @property
    def trace_hash(self) -> str:
        """A digest of everything that was sent, to whom and when."""
        return self._trace.hexdigest()

    @property
    def leader(self) -> Node | None:
        """The leader of the highest term that is up, if there is one."""
        leaders = [node for node in self.nodes.values() if node.is_up and node.member.role is Role.LEADER]
        return max(leaders, key=lambda node: node.member.term, default=None)

    def after(self, delay_ms: float, call: Callable[[], None]) -> None:
        """Call ``call`` in ``delay_ms`` of simulated time."""
        self._number += 1
        heapq.heappush(self._queue, (self.now_ms + delay_ms, self._number, call))

    def step(self) -> None:
        """Carry out the next event."""
        self.now_ms, _, call = heapq.heappop(self._queue)
        self.events += 1
        call()

    def run_for(self, duration_ms: float) -> None:
        """Carry out the events of ``duration_ms``."""
        until = self.now_ms + duration_ms
        while self._queue and self._queue[0][0] <= until:
            self.step()
        self.now_ms = until

    def run_until(self, holds: Callable[[], bool], *, limit_ms: float) -> bool:
        """Carry out events until ``holds``; tell whether it did within ``limit_ms``."""
        until = self.now_ms + limit_ms
        while not holds():
            if not self._queue or self._queue[0][0] > until:
                return False
            self.step()
        return True

    def send(self, message: Message) -> None:
        """Put ``message`` on the network."""
        name = type(message).__name__
        self.sent[name] = self.sent.get(name, 0) + 1
        self._trace.update(f"{self.now_ms:.6f} {name} {message.sender} {message.to} {message.term}\n".encode())
        for delay_ms in self.network.delays_ms(message.sender, message.to):
            self.after(delay_ms, lambda: self.nodes[message.to].deliver(message))

    def sync_ms(self) -> float:
        """Draw how long an fsync takes."""
        return self._sync_ms / 2 + self.chance.expovariate(2 / self._sync_ms)

    def start(self, name: str) -> None:
        """Start a node that is down."""
        self.nodes[name].start(self.settings, self._member)

    def look(self, node: Node) -> None:
        """Check the invariants where an event has just ended."""
        self.invariants.look(node.member, self.disks)
