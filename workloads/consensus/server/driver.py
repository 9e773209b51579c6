"""The driver of one member: a clock, a disk, and the effects in their order (``raft/messages.py``, ``Effects``).

Rule 1: whatever arrives in one turn of the event loop is one batch: one write, one fsync (group commit).
Rule 2: messages that need no fsync leave before it, so the followers' disks work beside the leader's (thesis, 10.2.1).
Rule 3: the fsync is in the loop, not in a thread: nothing could be promised meanwhile, and a thread costs more than most fsyncs.
Rule 4: before anything is received or asked, the clock is brought up to now: leases and promises are only as good as it. A process that was
stopped or starved takes a few of the ticks that it missed and skips the others, or it would stand for election while the leader's
heartbeats wait to be read.
Rule 5: a disk that fails ends the process (``wal/files.py``).
Rule 6: no clock that can be set is read, and no two clocks are compared: times are measured from one event to another on the same machine,
by the clock that goes on while it sleeps.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable

from workloads.consensus.errors import ConsensusError
from workloads.consensus.raft.member import Member
from workloads.consensus.raft.messages import Message
from workloads.consensus.raft.state import Settings
from workloads.consensus.server.metrics import Durations
from workloads.consensus.spec import Reads
from workloads.consensus.store.command import Action, Command
from workloads.consensus.store.replica import Answer, Replica
from workloads.consensus.wal.storage import Storage

ELECTION_TICKS, HEARTBEAT_TICKS = 20, 4
#: Goes on while the machine sleeps, which CLOCK_MONOTONIC does not on Linux; nobody can set it.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now_s() -> float:
    """Return the seconds since some moment in the past."""
    return time.clock_gettime(_CLOCK)


class Driver:
    """Runs a member in an event loop.

    Args:
        name: of the member.
        storage: its disk.
        election_ms: the shortest time without a leader before an election.
        send: puts messages on the network at once.
        changed: is called when the store or the leader may have changed.
        reads: how the leader makes sure that it still leads (``Reads``).
        replica: the class of the copy; a test of the checks puts a broken one here.
        member: the class of the member, likewise.

    Attributes:
        failed: is done with the error that ends the process.
        fsyncs: how long it took to make each batch durable.
    """

    def __init__(
        self,
        name: str,
        storage: Storage,
        election_ms: int,
        *,
        send: Callable[[Iterable[Message]], None],
        changed: Callable[[], None],
        reads: Reads = Reads.INDEX,
        replica: type[Replica] = Replica,
        member: type[Member] = Member,
    ) -> None:
        snapshot, hard_state, entries = storage.load()
        settings = Settings(election_ticks=ELECTION_TICKS, heartbeat_ticks=HEARTBEAT_TICKS)
        chance = random.Random()  # noqa: S311 - draws election timeouts
        self.member = member(name, settings, chance, snapshot=snapshot, hard_state=hard_state, entries=entries)
        self.replica = replica(self.member)
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.fsyncs = Durations()
        self._storage = storage
        self._tick_s = election_ms / 1000 / ELECTION_TICKS
        self._send = send
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._lease_read = reads is Reads.LEASE
        self._next_tick_s = now_s() + self._tick_s
        self._is_scheduled = False
        self._is_expiring = False
        self._clock: tuple[int, int, float] = (0, 0, 0.0)  # since the start of a term: its number, the store's time, ours

    def start(self) -> None:
        """Begin to tick."""
        self._tick()

    @property
    def now_ms(self) -> int:
        """The store's time, which goes on only while someone leads: no clock of a host, so none can jump."""
        term, base_ms, since_s = self._clock
        machine, leadership = self.replica.machine, self.member.leadership
        if leadership is None or self.replica.applied < leadership.first_index:
            return machine.now_ms
        if term != self.member.term:
            base_ms, since_s = machine.now_ms, now_s()
            self._clock = self.member.term, base_ms, since_s
        return base_ms + int((now_s() - since_s) * 1000)

    def receive(self, message: Message) -> None:
        """Take a message of another member."""
        self._catch_up()
        self.member.receive(message)
        self.wake()

    def request(self, command: Command, data: bytes, answer: Answer) -> None:
        """Carry out a client's command; raises as ``Replica.request``."""
        self._catch_up()
        self.replica.request(command, answer, data=data, lease_read=self._lease_read)
        self.wake()

    def wake(self) -> None:
        """Carry out effects at the end of this turn of the loop."""
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._guarded, self._pump)

    def _guarded(self, call: Callable[[], None]) -> None:
        if self.failed.done():
            return
        try:
            call()
        except Exception as error:  # noqa: BLE001 - whatever it is, this member cannot go on
            self.failed.set_exception(error)

    def _pump(self) -> None:
        self._is_scheduled = False
        while effects := self.member.take_effects():
            self._send(effects.at_once)
            if effects.needs_fsync:
                begun_s = time.perf_counter()
                self._storage.write(effects)
                self._storage.sync()
                self.fsyncs.add(time.perf_counter() - begun_s)
            self.member.stored(effects)
            self._send(effects.after_fsync)
            self.replica.finish(effects)
        self._changed()

    def _tick(self) -> None:
        self._guarded(self._catch_up)
        self._guarded(self._expire)
        self.wake()
        self._loop.call_later(max(0.0, self._next_tick_s - now_s()), self._tick)

    def _catch_up(self) -> None:
        late_s = now_s() - self._next_tick_s
        if late_s < 0:
            return
        due = int(late_s / self._tick_s) + 1
        self._next_tick_s += due * self._tick_s
        self.member.skip(max(0, due - HEARTBEAT_TICKS))
        for _ in range(min(due, HEARTBEAT_TICKS)):
            self.replica.tick()

    def _expire(self) -> None:
        """Let leases run out, also where no command comes that would tell the time."""
        due_ms = self.replica.machine.due_ms
        if due_ms is None or self._is_expiring or self.member.leadership is None or due_ms > self.now_ms:
            return
        command = Command("", 0, self.now_ms, Action.EXPIRE)
        try:
            self.replica.request(command, self._expired)
        except ConsensusError:
            return
        self._is_expiring = True

    def _expired(self, _result: object) -> None:
        self._is_expiring = False
