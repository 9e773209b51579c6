"""One member of a group as a step function: ``tick``, ``receive`` and the requests go in, ``take_effects`` returns what to do.

No clock, no socket, no file, no thread: a driver has these, and a simulation replaces them. A tick is the unit of time. Randomness
is passed in. Section numbers are those of Ongaro's thesis (2014), figures those of the paper (Ongaro and Ousterhout, 2014).
"""

from __future__ import annotations

from collections.abc import Iterable

from workloads.consensus.errors import BusyError, ConfigurationError, NotLeaderError
from workloads.consensus.raft.configuration import Configuration
from workloads.consensus.raft.leading import Leading
from workloads.consensus.raft.messages import (
    AppendRequest,
    Effects,
    HardState,
    Heartbeat,
    Kind,
    Message,
    ReadReady,
    ReadReply,
    ReadRequest,
    Snapshot,
    SnapshotRequest,
    TimeoutNow,
    VoteReply,
    VoteRequest,
)
from workloads.consensus.raft.state import Role


class Member(Leading):
    """A member of the group, with what was durable when it last stopped.

    Args:
        me: its name.
        settings: its times and windows; the same for all members.
        chance: draws the election timeouts.
        snapshot: the last one; for a new group the one at index 0, whose configuration is the first.
        hard_state: the last one written.
        entries: the log behind the snapshot.
    """

    def tick(self) -> None:
        """Advance the clock by one tick."""
        self._now_tick += 1
        self._elapsed_ticks += 1
        if self.leadership is not None:
            if self._now_tick % self.settings.heartbeat_ticks == 0:
                self._heartbeat_due = True
            if self._elapsed_ticks >= self.settings.election_ticks:
                self._elapsed_ticks = 0
                self._look_after(self.leadership)
        elif self._elapsed_ticks >= self._timeout_ticks:
            self._elapsed_ticks = 0
            if self.me in self.log.configuration.electors:
                self._campaign(trial=True)

    def skip(self, ticks: int) -> None:
        """Let time pass in which this member stood still: leases and promises run out, but that is no reason to stand for election."""
        self._now_tick += ticks

    def receive(self, message: Message) -> None:
        """Process a message from another member."""
        if not self._agree_on_term(message):
            return
        match message:
            case VoteRequest():
                self._answer_vote(message)
            case VoteReply():
                self._count_vote(message)
            case AppendRequest() | Heartbeat() | SnapshotRequest():
                self._hear_leader(message)
            case TimeoutNow():
                if self.me in self.log.configuration.electors and self.role is Role.FOLLOWER:
                    self._campaign(trial=False, transfer=True)
            case ReadReply():
                self._reads.append(ReadReady(message.context, message.index))
            case _ if self.leadership is not None:
                self._hear_follower(message, self.leadership)

    def propose(self, data: bytes) -> tuple[int, int]:
        """Append ``data`` to the log; return its index and term. It is agreed once ``committed`` has it with that term.

        Raises:
            NotLeaderError: another member leads, or none.
            BusyError: too much is uncommitted, or leadership is being handed over.
        """
        leadership = self._leading()
        if leadership.transferee is not None:
            raise BusyError(f"leadership is being handed over to {leadership.transferee}; try again")
        if leadership.uncommitted_bytes and leadership.uncommitted_bytes + len(data) > self.settings.max_uncommitted_bytes:
            raise BusyError(f"{leadership.uncommitted_bytes:,} bytes are proposed and not committed; try again")
        leadership.uncommitted_bytes += len(data)
        return self._append(Kind.DATA, data=data)

    def change(self, voters: Iterable[str], learners: Iterable[str] = ()) -> None:
        """Make these the members, by way of a joint configuration where voters change (4.3).

        Raises:
            NotLeaderError: another member leads, or none.
            ConfigurationError: no voters, a voter that also learns, or another change is under way.
        """
        leadership = self._leading()
        now, new = self.log.configuration, Configuration(frozenset(voters), learners=frozenset(learners))
        if not new.voters or new.voters & new.learners:
            raise ConfigurationError("a group needs voters, and a member is a voter or a learner")
        if now.is_joint or self.log.configuration_index > self.commit or self.commit < leadership.first_index:
            raise ConfigurationError("another change of the members is not committed yet; try again")
        outgoing = now.voters if new.voters != now.voters else frozenset()
        self._append(Kind.CONFIGURATION, configuration=Configuration(new.voters, outgoing, new.learners))

    def transfer(self, to: str) -> None:
        """Transfer leadership to ``to``: bring its log up to date, then let it start an election immediately (3.10).

        Raises:
            NotLeaderError: another member leads, or none.
            ConfigurationError: ``to`` is no other voter.
        """
        leadership = self._leading()
        if to == self.me or to not in self.log.configuration.voters:
            raise ConfigurationError(f"{to} is not another voter")
        leadership.transferee, leadership.transfer_since_tick, leadership.told_to_stand = to, self._now_tick, False

    def read(self, context: int, *, lease: bool = False) -> None:
        """Ask for a read that sees everything acknowledged before: ``reads`` will have ``context`` (ReadIndex, 6.4).

        With ``lease`` a leader spares the round of heartbeats as long as its lease holds; that relies on the clocks (6.4.1).

        Raises:
            NotLeaderError: no leader is known.
        """
        if self.leadership is not None:
            if lease and self._has_lease(self.leadership):
                self._reads.append(ReadReady(context, self.commit))
            else:
                self._note_read(self.leadership, self.me, context)
        elif self.leader is None:
            raise NotLeaderError(None)
        else:
            self._after_fsync.append(ReadRequest(self.me, self.leader, self.term, context))

    def compact(self, index: int, data: bytes) -> None:
        """Replace the log up to ``index``, which is applied, by ``data``, the machine's state after it."""
        if index <= self.log.start:
            return
        term = self.log.term(index)
        assert index <= self._delivered
        assert term is not None
        self._new_snapshot = Snapshot(index, term, self.log.configuration_at(index), data)
        self.log.compact(self._new_snapshot)
        self._unwritten = max(self._unwritten, index + 1)

    def take_effects(self) -> Effects:
        """Return what is to be done now; ``stored`` is called with it once it is durable, before effects are taken again."""
        if self.leadership is not None:
            self._send_what_is_due(self.leadership)
        hard_state = HardState(self.term, self.vote)
        effects = Effects(
            at_once=tuple(self._at_once),
            snapshot=self._new_snapshot,
            hard_state=hard_state if hard_state != self._written else None,
            entries=self.log.entries(self._unwritten),
            after_fsync=tuple(self._after_fsync),
            restore=self._restore,
            committed=self.log.entries(max(self._delivered, self._restore.index if self._restore else 0) + 1, self.commit),
            reads=tuple(self._reads),
        )
        self._written, self._unwritten, self._delivered = hard_state, self.log.last_index + 1, self.commit
        self._new_snapshot = self._restore = None
        self._at_once, self._after_fsync, self._reads = [], [], []
        return effects

    def stored(self, effects: Effects) -> None:
        """Note that ``effects`` are durable; only now the member's own copy counts towards a commit."""
        if effects.snapshot is not None:
            self._durable = max(self._durable, effects.snapshot.index)
        if effects.entries and self.log.term((last := effects.entries[-1]).index) == last.term:
            self._durable = max(self._durable, last.index)
        if self.leadership is not None:
            self._advance_commit(self.leadership)
