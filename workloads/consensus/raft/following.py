"""Following a leader: figure 2 of the paper, 5.3 and 7."""

from __future__ import annotations

from workloads.consensus.raft.elections import Elections
from workloads.consensus.raft.log import Log
from workloads.consensus.raft.messages import AppendReply, AppendRequest, Heartbeat, HeartbeatReply, Snapshot, SnapshotRequest
from workloads.consensus.raft.state import Role


class Following(Elections):
    """Taking entries and snapshots."""

    def _hear_leader(self, message: AppendRequest | Heartbeat | SnapshotRequest) -> None:
        if self.role is not Role.FOLLOWER:
            self._follow(self.term, message.sender)
        self.leader, self._elapsed_ticks = message.sender, 0
        self._promised_until_tick = self._now_tick + self.settings.election_ticks
        self._answer_leader(message)

    def _answer_leader(self, message: AppendRequest | Heartbeat | SnapshotRequest) -> None:
        if isinstance(message, Heartbeat):
            self._commit_to(message.commit)
            self._after_fsync.append(HeartbeatReply(self.me, message.sender, self.term, message.round))
            return
        index, rejected, term_there = (
            self._accept(message) if isinstance(message, AppendRequest) else (self._load(message.snapshot), None, 0)
        )
        self._after_fsync.append(AppendReply(self.me, message.sender, self.term, index, rejected, term_there))

    def _accept(self, request: AppendRequest) -> tuple[int, int | None, int]:
        """Take the entries of ``request``; return what its reply says: index, what was rejected, the term at the index."""
        if request.previous_index < self.commit:
            return self.commit, None, 0  # late or repeated; up to there every log is the same
        if self.log.term(request.previous_index) != request.previous_term:
            index = self.log.last_index_up_to_term(request.previous_term, request.previous_index)
            return index, request.previous_index, self.log.term(index) or 0
        for entry in request.entries:
            term = self.log.term(entry.index)
            if term == entry.term:
                continue
            if term is not None:
                self._truncate(entry.index)
            self.log.append(entry)
        index = request.previous_index + len(request.entries)
        self._commit_to(min(request.commit, index))
        return index, None, 0

    def _truncate(self, index: int) -> None:
        assert index > self.commit, f"{self.me} was asked to drop entry {index}, which is committed"
        self.log.truncate(index)
        self._unwritten = min(self._unwritten, index)
        self._durable = min(self._durable, index - 1)

    def _load(self, snapshot: Snapshot) -> int:
        if snapshot.index > self.commit:
            if self.log.term(snapshot.index) == snapshot.term:
                self._commit_to(snapshot.index)  # the entries are all here
            else:
                self.log = Log(snapshot)
                self.commit, self._delivered, self._durable = snapshot.index, snapshot.index, 0
                self._unwritten = snapshot.index + 1
                self._new_snapshot = self._restore = snapshot
        return self.commit
