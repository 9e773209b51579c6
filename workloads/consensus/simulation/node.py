"""The driver of one member in a simulation: effects in their order, and a crash possible at every one of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from workloads.consensus.errors import BusyError, NotLeaderError
from workloads.consensus.raft.member import Member
from workloads.consensus.raft.messages import Effects, Entry, Message, Snapshot
from workloads.consensus.raft.state import Settings
from workloads.consensus.simulation.disk import Crash, Disk
from workloads.consensus.store.command import Command
from workloads.consensus.store.replica import Answer, Replica

if TYPE_CHECKING:
    from workloads.consensus.simulation.cluster import Cluster

#: Short, because nodes write snapshots all the time.
_HISTORY = 10


class Node:
    """A process: its member and machine are lost in a crash, its disk is not.

    Attributes:
        crash_probability: at each step of carrying out effects.
        clock_rate: ticks of its clock in one of the simulation's.
        watchers: called once when it crashes: connections that are reset.
    """

    def __init__(self, name: str, cluster: Cluster, disk: Disk) -> None:
        self.name = name
        self.disk = disk
        self.is_up = False
        self.life = 0
        self.crash_probability = 0.0
        self.clock_rate = 1.0
        self.compact_after = 10
        self.watchers: list[Callable[[], None]] = []
        self._cluster = cluster
        self._chance: random.Random = cluster.chance
        self._syncing = False
        self._put_off: list[Callable[[], None]] | None = None  # what waits for a process that stands still

    @property
    def applied(self) -> int:
        """The index up to which its machine has applied the log."""
        return self.replica.applied

    def start(self, settings: Settings, member: type[Member]) -> None:
        """Start from what the disk has; a disk that fails meanwhile leaves the node down."""
        try:
            snapshot, state, entries = self.disk.load()
        except (Crash, OSError):
            self.disk.crash()
            return
        self.member = member(self.name, settings, self._chance, snapshot=snapshot, hard_state=state, entries=entries)
        self.replica = Replica(
            self.member, applies=self._applies, loads=self._loads, compact_after=self.compact_after, max_history=_HISTORY
        )
        self.is_up = True
        self.life += 1
        self._syncing = False
        self._put_off = None
        self._cluster.invariants.restarted(self.member)
        self._schedule_tick(self.life)
        self.pump()

    def crash(self) -> None:
        """End without notice."""
        self.is_up = False
        self.life += 1
        self.disk.crash()
        watchers, self.watchers = self.watchers, []
        for each in watchers:
            each()

    def stall(self, duration_ms: float) -> None:
        """Stand still, as a process that is stopped: messages and requests wait, and the time is missed (``server/driver.py``, rule 4)."""
        if self.is_up and self._put_off is None:
            self._put_off = []
            life, missed = self.life, int(duration_ms * self.clock_rate / self._cluster.tick_ms)
            self._cluster.after(duration_ms, lambda: self._go_on(missed, life))

    def _go_on(self, missed: int, life: int) -> None:
        if life == self.life and self._put_off is not None:
            waiting, self._put_off = self._put_off, None
            self.member.skip(missed)
            for call in waiting:
                call()

    def _waits(self, call: Callable[[], None]) -> bool:
        if self._put_off is not None and self.is_up:
            self._put_off.append(call)
            return True
        return False

    def deliver(self, message: Message) -> None:
        """Take a message from the network."""
        if self.is_up and not self._waits(lambda: self.deliver(message)):
            self.member.receive(message)
            self.pump()

    def request(self, command: Command, answer: Answer, *, lease_read: bool = False) -> None:
        """Carry out a client's command; ``answer`` gets None if the client should try another member."""
        if not self.is_up or self._waits(lambda: self.request(command, answer, lease_read=lease_read)):
            return
        try:
            self.replica.request(command, answer, lease_read=lease_read)
        except (NotLeaderError, BusyError):
            answer(None)
        self.pump()

    def pump(self) -> None:
        """Carry out effects until there are none, or the disk is busy."""
        try:
            self._cluster.look(self)
            if not self._syncing:
                self._carry_out(self.member.take_effects())
                self._cluster.look(self)
        except (Crash, OSError):  # a disk that fails ends the process, too
            self.crash()

    def _carry_out(self, effects: Effects) -> None:
        self._send(effects.at_once)
        if not effects.needs_fsync:
            self._finish(effects)
            return
        self._may_crash()
        self.disk.write(effects)
        self._may_crash()
        self._syncing = True
        life = self.life
        self._cluster.after(self._cluster.sync_ms(), lambda: self._synced(effects, life))

    def _synced(self, effects: Effects, life: int) -> None:
        if life != self.life or self._waits(lambda: self._synced(effects, life)):
            return
        try:
            self.disk.sync()
            self._may_crash()
            self._syncing = False
            self.member.stored(effects)
            self._cluster.look(self)
            self._finish(effects)
        except (Crash, OSError):  # a disk that fails ends the process, too
            self.crash()
            return
        self.pump()

    def _finish(self, effects: Effects) -> None:
        self._send(effects.after_fsync)
        self.replica.finish(effects)

    def _applies(self, entry: Entry) -> None:
        self._may_crash()
        self._cluster.invariants.applied(self.name, [entry])

    def _loads(self, snapshot: Snapshot) -> None:
        self._cluster.invariants.loaded(self.name, snapshot)

    def _send(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self._cluster.invariants.sent(message)
            self._cluster.send(message)
            self._may_crash()

    def _may_crash(self) -> None:
        if self.crash_probability and self._chance.random() < self.crash_probability:
            raise Crash

    def _schedule_tick(self, life: int) -> None:
        self._cluster.after(self._cluster.tick_ms / self.clock_rate, lambda: self._tick(life))

    def _tick(self, life: int) -> None:
        if life == self.life and not self._waits(lambda: self._tick(life)):
            self.replica.tick()
            self._schedule_tick(life)
            self.pump()
