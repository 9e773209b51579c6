"""Messages between members, and the effects for the driver. All values are frozen."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from workloads.consensus.raft.configuration import Configuration


class Kind(enum.IntEnum):
    """What an entry carries."""

    DATA = 0
    NO_OP = 1  # the first of a leader: with it the entries before are committed (thesis, section 6.4)
    CONFIGURATION = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the log; ``configuration`` is there for that kind alone."""

    index: int
    term: int
    kind: Kind = Kind.DATA
    data: bytes = b""
    configuration: Configuration | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of the machine after the entry at ``index``, in place of the log up to there."""

    index: int
    term: int
    configuration: Configuration
    data: bytes


@dataclass(frozen=True, slots=True)
class HardState:
    """The state that must be durable before a vote is granted or an entry acknowledged."""

    term: int = 0
    vote: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """Every message has its sender, its receiver and the sender's term."""

    sender: str
    to: str
    term: int


@dataclass(frozen=True, slots=True)
class VoteRequest(Message):
    """RequestVote (paper, figure 2); ``trial`` is PreVote (thesis, 9.6), whose ``term`` is the one that a real election would use.

    ``transfer`` says that the leader itself started this election, so voters ignore its lease (thesis, 4.2.3).
    """

    last_index: int
    last_term: int
    trial: bool = False
    transfer: bool = False


@dataclass(frozen=True, slots=True)
class VoteReply(Message):
    """A granted trial has the requested term, any other reply the voter's own."""

    granted: bool
    trial: bool = False


@dataclass(frozen=True, slots=True)
class AppendRequest(Message):
    """AppendEntries (paper, figure 2)."""

    previous_index: int
    previous_term: int
    entries: tuple[Entry, ...]
    commit: int


@dataclass(frozen=True, slots=True)
class AppendReply(Message):
    """The log agrees up to ``index``, and is durable so far.

    Where ``rejected`` is set, the log has no such entry there. Then ``index`` is the last one that may agree, and ``term_there``
    its term: by these the leader goes back a term at a time, not an entry (paper, section 5.3).
    """

    index: int
    rejected: int | None = None
    term_there: int = 0


@dataclass(frozen=True, slots=True)
class Heartbeat(Message):
    """Asserts leadership; ``round`` numbers the leader's heartbeats, so that a reply identifies the one it answers."""

    commit: int
    round: int


@dataclass(frozen=True, slots=True)
class HeartbeatReply(Message):
    """Repeats the round."""

    round: int


@dataclass(frozen=True, slots=True)
class SnapshotRequest(Message):
    """InstallSnapshot (paper, section 7), in one piece; answered by an ``AppendReply``."""

    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class TimeoutNow(Message):
    """Start an election immediately: the leader transfers its leadership (thesis, section 3.10)."""


@dataclass(frozen=True, slots=True)
class ReadRequest(Message):
    """A follower asks for the index its read must wait for (thesis, section 6.4)."""

    context: int


@dataclass(frozen=True, slots=True)
class ReadReply(Message):
    """The read may be answered once the entry at ``index`` is applied."""

    context: int
    index: int


@dataclass(frozen=True, slots=True)
class ReadReady:
    """A read of this member is safe once the entry at ``index`` is applied."""

    context: int
    index: int


@dataclass(frozen=True, slots=True)
class Effects:
    """The work of a driver for a member, in this order.

    1. Send ``at_once``. 2. Make ``snapshot``, ``hard_state`` and ``entries`` durable in one go; the first entry replaces
    what the log has from its index on. 3. Call ``Member.stored`` with these effects. 4. Send ``after_fsync``.
    5. Load ``restore`` into the state machine, apply ``committed``, answer ``reads``.
    """

    at_once: tuple[Message, ...] = ()
    snapshot: Snapshot | None = None
    hard_state: HardState | None = None
    entries: tuple[Entry, ...] = ()
    after_fsync: tuple[Message, ...] = ()
    restore: Snapshot | None = None
    committed: tuple[Entry, ...] = ()
    reads: tuple[ReadReady, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return self.needs_fsync or bool(self.at_once or self.after_fsync or self.restore or self.committed or self.reads)

    @property
    def needs_fsync(self) -> bool:
        """Whether there is anything to make durable."""
        return self.snapshot is not None or self.hard_state is not None or bool(self.entries)
