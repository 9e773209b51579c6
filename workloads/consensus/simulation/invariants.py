"""What must hold after every event, despite all faults (paper, figure 3; the names are those of etcd's TLA+ specification)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from workloads.consensus.raft.member import Member
from workloads.consensus.raft.messages import Entry, Message, Snapshot, VoteReply
from workloads.consensus.raft.state import Role
from workloads.consensus.simulation.disk import Disk


class InvariantError(AssertionError):
    """An invariant is broken; names it, the members and the place."""


def _require(holds: bool, invariant: str, detail: str) -> None:
    if not holds:
        raise InvariantError(f"{invariant}: {detail}")


class Invariants:
    """Remembers what was seen of the whole group; each look costs only what has changed."""

    def __init__(self) -> None:
        self.committed: dict[int, Entry] = {}
        self._leaders: dict[int, str] = {}
        self._votes: dict[tuple[str, int], str] = {}
        self._entries: dict[tuple[int, int], tuple[Entry, int | None]] = {}  # with the term before it
        self._seen: dict[str, tuple[int, int, int, int]] = {}  # term, commit, last index and its term
        self._applied: dict[str, int] = {}

    def look(self, member: Member, disks: Mapping[str, Disk]) -> None:
        """Check what the last event has changed at ``member``."""
        now = member.term, member.commit, member.log.last_index, member.log.last_term
        before = self._seen.get(member.me, (0, 0, 0, 0))
        if member.role is Role.LEADER and self._leaders.get(member.term) != member.me:
            self._election_safety(member)
            self._leader_completeness(member)
        if now == before:
            return
        self._seen[member.me] = now
        _require(
            now[0] >= before[0] and now[1] >= before[1], "monotone terms and commits", f"{member.me} went from {before[:2]} to {now[:2]}"
        )
        if now[2:] != before[2:]:
            self._log_matching(member)
        if now[1] > before[1]:
            own = member.role is not Role.LEADER or member.log.term(member.commit) == member.term
            _require(own, "a leader commits its own term", f"{member.me} committed {member.commit} by count in term {member.term}")
            self._commits(member, before[1], disks)

    def restarted(self, member: Member) -> None:
        """Note that ``member`` came back: its term is durable, its commit and what it applied are learned again."""
        term = self._seen.get(member.me, (0, 0, 0, 0))[0]
        self._seen[member.me] = min(term, member.term), member.commit, 0, 0
        self._applied[member.me] = member.commit

    def sent(self, message: Message) -> None:
        """Check a message on its way out: a vote is a promise."""
        if isinstance(message, VoteReply) and message.granted and not message.trial:
            first = self._votes.setdefault((message.sender, message.term), message.to)
            _require(first == message.to, "one vote a term", f"{message.sender} voted for {first} and {message.to} in term {message.term}")

    def applied(self, who: str, entries: Iterable[Entry]) -> None:
        """Check what ``who`` applies: the same at each index on every member, without a gap."""
        for entry in entries:
            _require(entry.index == self._applied.get(who, 0) + 1, "applied without a gap", f"{who} applied {entry.index}")
            _require(self.committed.get(entry.index) == entry, "state machine safety", f"{who} applied another entry at {entry.index}")
            self._applied[who] = entry.index

    def loaded(self, who: str, snapshot: Snapshot) -> None:
        """Check a snapshot that ``who`` loads: of committed entries, and no step back."""
        entry = self.committed.get(snapshot.index)
        _require(entry is not None and entry.term == snapshot.term, "snapshots of committed entries", f"{who} loaded {snapshot.index}")
        _require(snapshot.index >= self._applied.get(who, 0), "snapshots move forward", f"{who} went back to {snapshot.index}")
        self._applied[who] = snapshot.index

    def _election_safety(self, member: Member) -> None:
        first = self._leaders.setdefault(member.term, member.me)
        _require(first == member.me, "election safety", f"{first} and {member.me} both lead in term {member.term}")

    def _leader_completeness(self, member: Member) -> None:
        for index in range(member.log.start + 1, max(self.committed, default=0) + 1):
            has = member.log.term(index)
            _require(
                has == self.committed[index].term, "leader completeness", f"{member.me} leads term {member.term} without entry {index}"
            )

    def _log_matching(self, member: Member) -> None:
        log = member.log
        for index in range(log.last_index, log.start, -1):
            entry, before = log.entry(index), log.term(index - 1)
            known = self._entries.setdefault((index, entry.term), (entry, before))
            if known[0] is entry and known[1] == before and index < log.last_index:
                break  # seen with all that is before it
            same = known == (entry, before) or (known[0] == entry and before is None)
            _require(same, "log matching", f"{member.me} differs at {index} in term {entry.term}")

    def _commits(self, member: Member, before: int, disks: Mapping[str, Disk]) -> None:
        log = member.log
        for index in range(max(before, log.start) + 1, member.commit + 1):
            entry = log.entry(index)
            first = self.committed.get(index)
            if first is not None:
                _require(first == entry, "log matching of committed entries", f"{member.me} committed another entry at {index}")
                continue
            self.committed[index] = entry
            holders = [who for who, disk in disks.items() if disk.terms.get(index) == entry.term or disk.snapshot.index >= index]
            durable = log.configuration.has_quorum(holders)  # the last one in the log, committed or not, decides
            _require(durable, "committed is durable", f"entry {index} is durable only at {sorted(holders)}")
