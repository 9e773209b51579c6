"""Leading: what is sent, what is committed, how members change, how reads are confirmed (thesis, 3.5, 3.6.2, 4.3, 6.4)."""

from __future__ import annotations

from workloads.consensus.errors import NotLeaderError
from workloads.consensus.raft.configuration import Configuration
from workloads.consensus.raft.following import Following
from workloads.consensus.raft.leadership import Leadership
from workloads.consensus.raft.messages import (
    AppendReply,
    AppendRequest,
    Heartbeat,
    HeartbeatReply,
    Kind,
    Message,
    ReadReady,
    ReadReply,
    ReadRequest,
    SnapshotRequest,
    TimeoutNow,
)
from workloads.consensus.raft.progress import Mode, Progress


class Leading(Following):
    """Replicating the log to followers."""

    def _leading(self) -> Leadership:
        if self.leadership is None:
            raise NotLeaderError(self.leader)
        return self.leadership

    def _look_after(self, leadership: Leadership) -> None:
        """Step down if no quorum was heard for an election timeout; abort a transfer that took as long."""
        if not leadership.has_active_quorum(self.log.configuration):
            self._follow(self.term, None)
        elif self._now_tick - leadership.transfer_since_tick >= self.settings.election_ticks:
            leadership.transferee = None

    def _send_what_is_due(self, leadership: Leadership) -> None:
        if self._heartbeat_due:
            self._heartbeat_due = False
            number = leadership.new_round(self._now_tick)
            for other, progress in leadership.followers.items():
                self._at_once.append(Heartbeat(self.me, other, self.term, min(self.commit, progress.match), number))
            self._confirm_reads(leadership)
        for other, progress in leadership.followers.items():
            while progress.following <= self.log.last_index and not progress.is_paused:
                self._send_entries(other, progress)
        heir = leadership.followers.get(leadership.transferee or "")
        if heir is not None and heir.match == self.log.last_index and not leadership.told_to_stand:
            leadership.told_to_stand = leadership.handed_over = True
            self._at_once.append(TimeoutNow(self.me, leadership.transferee or "", self.term))

    def _send_entries(self, to: str, progress: Progress) -> None:
        previous = progress.following - 1
        term = self.log.term(previous)
        if term is None:
            progress.sent_snapshot(self.log.start, self._now_tick)
            self._at_once.append(SnapshotRequest(self.me, to, self.term, self.log.snapshot))
            return
        entries = self.log.entries(progress.following, max_bytes=self.settings.max_message_bytes)
        self._at_once.append(AppendRequest(self.me, to, self.term, previous, term, entries, self.commit))
        progress.sent(previous + len(entries))

    def _hear_follower(self, message: Message, leadership: Leadership) -> None:
        if isinstance(message, ReadRequest):
            self._note_read(leadership, message.sender, message.context)
        progress = leadership.followers.get(message.sender)
        if progress is None:
            return
        progress.active = True
        if isinstance(message, HeartbeatReply):
            progress.heard()
            progress.round = max(progress.round, message.round)
            self._confirm_reads(leadership)
            self._send_again(message.sender, progress)
        elif isinstance(message, AppendReply):
            if message.rejected is not None:
                progress.rejected(message.rejected, self.log.last_index_up_to_term(message.term_there, message.index) + 1)
            elif progress.accepted(message.index):
                self._advance_commit(leadership)

    def _send_again(self, to: str, progress: Progress) -> None:
        """Detect losses: the last messages may have been lost, without a later one to reveal the gap."""
        if progress.mode is Mode.SNAPSHOT:
            if self._now_tick - progress.snapshot_sent_at_tick >= self.settings.election_ticks:
                progress.probe(progress.match + 1)
        elif progress.match < self.log.last_index < progress.following:
            self._send_entries(to, progress)

    def _may_commit(self, index: int) -> bool:
        """Only entries of the own term are committed by counting (3.6.2)."""
        return self.log.term(index) == self.term

    def _advance_commit(self, leadership: Leadership) -> None:
        def durable_at(voter: str) -> int:
            if voter == self.me:
                return self._durable
            progress = leadership.followers.get(voter)
            return progress.match if progress else 0

        index = self.log.configuration.reached(durable_at)
        if index <= self.commit or not self._may_commit(index):
            return
        leadership.uncommitted_bytes -= sum(len(entry.data) for entry in self.log.entries(self.commit + 1, index))
        self.commit = index
        if index >= leadership.first_index:
            for who, context in leadership.waiting:
                self._note_read(leadership, who, context)
            leadership.waiting = []
        self._continue_change(leadership)

    def _continue_change(self, leadership: Leadership) -> None:
        """Leave a joint configuration once it is committed; leave the group once that is, if it goes on without this member."""
        configuration = self.log.configuration
        if self.log.configuration_index > self.commit:
            return
        if configuration.is_joint:
            self._append(Kind.CONFIGURATION, configuration=Configuration(configuration.voters, learners=configuration.learners))
        elif self.me not in configuration.voters:
            self._heartbeat_due = True
            self._send_what_is_due(leadership)
            self._follow(self.term, None)

    def _note_read(self, leadership: Leadership, who: str, context: int) -> None:
        if self.commit < leadership.first_index:
            leadership.waiting.append((who, context))
            return
        leadership.read(who, context, self.commit)
        self._heartbeat_due = True

    def _confirm_reads(self, leadership: Leadership) -> None:
        for who, context, index in leadership.confirmed_reads(self.log.configuration):
            if who == self.me:
                self._reads.append(ReadReady(context, index))
            else:
                self._at_once.append(ReadReply(self.me, who, self.term, context, index))

    def _has_lease(self, leadership: Leadership) -> bool:
        started = leadership.lease_from_tick
        return (
            started is not None
            and not leadership.handed_over
            and self.commit >= leadership.first_index
            and self._now_tick < started + self.settings.lease_ticks
        )
