"""A member and its machine as one: requests go in, answers come out once they are agreed. Without I/O, as the member."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from workloads.consensus.raft.member import Member
from workloads.consensus.raft.messages import Effects, Entry, Kind, Snapshot
from workloads.consensus.store.command import Action, Command, Result
from workloads.consensus.store.machine import MAX_HISTORY, Machine

#: None: ask again, here or at another member. A command with the same number is done once, however often it is asked.
Answer = Callable[[Result | None], None]
READS: Final = frozenset({Action.GET, Action.RANGE})


class Replica:
    """One copy of the store.

    Args:
        member: just made from what the disk has.
        applies: is called with each entry before it is applied.
        loads: is called with each snapshot before it is loaded.
        compact_after: entries behind the last snapshot, before the next one is made.
        compact_after_bytes: of their data.
        max_history: revisions that the store keeps for watches; the same at all members.
    """

    def __init__(
        self,
        member: Member,
        *,
        applies: Callable[[Entry], None] | None = None,
        loads: Callable[[Snapshot], None] | None = None,
        compact_after: int = 50_000,
        compact_after_bytes: int = 64 << 20,
        max_history: int = MAX_HISTORY,
    ) -> None:
        self.member = member
        self.machine = Machine(max_history=max_history)
        self._max_history = max_history
        self.applied = member.log.start
        self._applies = applies
        self._loads = loads
        self._compact_after = compact_after
        self._compact_after_bytes = compact_after_bytes
        self._bytes = 0
        self._proposed: dict[int, tuple[int, Command, Answer]] = {}  # by index: term, command
        self._reading: dict[int, tuple[Command, Answer, int]] = {}  # by context: when, in ticks
        self._ready: list[tuple[int, int]] = []
        self._context = 0
        self._ticks = 0
        self._reign = member.term, member.leader

    def request(self, command: Command, answer: Answer, *, data: bytes | None = None, lease_read: bool = False) -> None:
        """Carry out a client's command.

        Args:
            command: a get or a range may be asked of any member, all else of the leader.
            answer: is called later, at most once.
            data: the command as it is in the log, where the caller has it.
            lease_read: spare the round of heartbeats while the lease holds.

        Raises:
            NotLeaderError: another member leads, or none.
            BusyError: try again later.
        """
        if command.action in READS:
            self._context += 1
            self.member.read(self._context, lease=lease_read)
            self._reading[self._context] = command, answer, self._ticks
        else:
            index, term = self.member.propose(data or command.encoded())
            self._proposed[index] = term, command, answer

    def tick(self) -> None:
        """Advance the clock; give up reads whose confirmation was lost."""
        self.member.tick()
        self._ticks += 1
        late = self._ticks - 2 * self.member.settings.election_ticks
        for context in [context for context, (_, _, since) in self._reading.items() if since < late]:
            self._reading.pop(context)[1](None)

    def finish(self, effects: Effects) -> None:
        """Carry out the last part of ``effects``: load, apply, answer, and compact the log where it is long enough."""
        if effects.restore is not None:
            self._load(effects.restore)
        for entry in effects.committed:
            self._apply(entry)
        self._ready += [(read.context, read.index) for read in effects.reads]
        self._answer_reads()
        self._give_up_on_a_change()
        if self.applied - self.member.log.start >= self._compact_after or self._bytes >= self._compact_after_bytes:
            self.member.compact(self.applied, self.machine.snapshot())
            self._bytes = 0

    def _load(self, snapshot: Snapshot) -> None:
        if self._loads is not None:
            self._loads(snapshot)
        self.machine, self.applied, self._bytes = Machine.restored(snapshot.data, max_history=self._max_history), snapshot.index, 0

    def _apply(self, entry: Entry) -> None:
        if self._applies is not None:
            self._applies(entry)
        term, command, answer = self._proposed.pop(entry.index, (0, None, None))
        if term != entry.term:
            command = None
        result = None
        if entry.kind is Kind.DATA:
            result = self.machine.apply(command or Command.decoded(entry.data))
            self._bytes += len(entry.data)
        self.applied = entry.index
        if answer is not None:
            answer(result if command else None)

    def _answer_reads(self) -> None:
        waiting = []
        for context, index in self._ready:
            if index > self.applied:
                waiting.append((context, index))
            elif context in self._reading:
                command, answer, _ = self._reading.pop(context)
                answer(self.machine.read(command))
        self._ready = waiting

    def _give_up_on_a_change(self) -> None:
        """After a change of the leader nothing tells what became of the open requests; the clients ask again."""
        reign = self.member.term, self.member.leader
        if reign == self._reign:
            return
        self._reign = reign
        open_answers = [answer for _, _, answer in self._proposed.values()] + [answer for _, answer, _ in self._reading.values()]
        self._proposed, self._reading = {}, {}
        for answer in open_answers:
            answer(None)
