"""The state of a member, and the changes to it that all of its parts share."""

from __future__ import annotations

import enum
import random
from collections.abc import Iterable
from dataclasses import dataclass

from workloads.consensus.raft.configuration import Configuration
from workloads.consensus.raft.leadership import Leadership
from workloads.consensus.raft.log import Log
from workloads.consensus.raft.messages import Entry, HardState, Kind, Message, ReadReady, Snapshot


class Role(enum.Enum):
    """The role of a member; a pre-candidate checks whether it could win before it disrupts the group (9.6)."""

    FOLLOWER = "follower"
    PRE_CANDIDATE = "pre-candidate"
    CANDIDATE = "candidate"
    LEADER = "leader"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Times and windows of a member.

    Args:
        election_ticks: a member without a leader starts an election after a random time of one to two times this.
        heartbeat_ticks: between two heartbeats of a leader.
        max_clock_drift: how much faster one clock may run than another, as a share; the lease is shorter by that.
        max_message_bytes: of the entries in one message; one entry always goes.
        window: messages on their way to one follower without an answer.
        max_uncommitted_bytes: of proposals, before further ones are rejected.
    """

    election_ticks: int = 10
    heartbeat_ticks: int = 1
    max_clock_drift: float = 0.1
    max_message_bytes: int = 1 << 20
    window: int = 64
    max_uncommitted_bytes: int = 64 << 20

    @property
    def lease_ticks(self) -> int:
        """How long after a heartbeat its answer still promises that no one else was elected (6.4.1)."""
        return int((self.election_ticks - 1) * (1 - 2 * self.max_clock_drift))


class State:
    """What a member has: its log, its term and vote, its clock in ticks, and the effects that wait to be taken.

    Attributes:
        me: its name.
        term, vote: as in figure 2.
        leader: who leads this term, as far as is known.
        leadership: what it knows as the leader; None while another leads.
        commit: the highest index known to be committed.
    """

    def __init__(
        self,
        me: str,
        settings: Settings,
        chance: random.Random,
        *,
        snapshot: Snapshot,
        hard_state: HardState,
        entries: Iterable[Entry] = (),
    ) -> None:
        self.me = me
        self.settings = settings
        self.log = Log(snapshot, entries)
        self.term, self.vote = hard_state.term, hard_state.vote
        self.role = Role.FOLLOWER
        self.leader: str | None = None
        self.leadership: Leadership | None = None
        self.commit = snapshot.index
        self._chance = chance
        self._now_tick = 0
        self._elapsed_ticks = 0
        self._votes: dict[str, bool] = {}
        # Until then it votes for no one but by its leader's own wish. Before it stopped it may have promised that, too.
        self._promised_until_tick = settings.election_ticks if hard_state.term else 0
        self._durable = self.log.last_index
        self._unwritten = self.log.last_index + 1
        self._written = hard_state
        self._delivered = snapshot.index
        self._new_snapshot: Snapshot | None = None
        self._restore = snapshot if snapshot.index else None
        self._heartbeat_due = False
        self._at_once: list[Message] = []
        self._after_fsync: list[Message] = []
        self._reads: list[ReadReady] = []
        self._draw_timeout()

    def _draw_timeout(self) -> None:
        self._timeout_ticks = self._chance.randrange(self.settings.election_ticks, 2 * self.settings.election_ticks)

    def _follow(self, term: int, leader: str | None) -> None:
        if term > self.term:
            self.term, self.vote = term, None
        self.role, self.leader, self.leadership = Role.FOLLOWER, leader, None
        self._votes = {}
        self._elapsed_ticks = 0
        self._draw_timeout()

    def _append(self, kind: Kind, *, data: bytes = b"", configuration: Configuration | None = None) -> tuple[int, int]:
        self.log.append(Entry(self.log.last_index + 1, self.term, kind, data, configuration))
        if configuration is not None and self.leadership is not None:
            self.leadership.follow(configuration.members, self.log.last_index)
        return self.log.last_index, self.term

    def _commit_to(self, index: int) -> None:
        self.commit = max(self.commit, min(index, self.log.last_index))
