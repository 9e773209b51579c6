"""Elections: figure 2 of the paper; PreVote, leases and handed-over leadership (thesis, 3.4, 9.6, 4.2.3, 3.10)."""

from __future__ import annotations

from workloads.consensus.raft.leadership import Leadership
from workloads.consensus.raft.messages import (
    AppendRequest,
    Heartbeat,
    HeartbeatReply,
    Kind,
    Message,
    SnapshotRequest,
    VoteReply,
    VoteRequest,
)
from workloads.consensus.raft.state import Role, State


class Elections(State):
    """Standing for election, and voting."""

    def _in_lease(self) -> bool:
        """Whether the leader was heard so recently that this member must reject votes (4.2.3, 6.4.1)."""
        return self.leadership is not None or self._now_tick < self._promised_until_tick

    @staticmethod
    def _is_about_a_trial_term(message: Message) -> bool:
        """Whether the term of ``message`` is only one that a pre-candidate asks about."""
        return (isinstance(message, VoteRequest) and message.trial) or (
            isinstance(message, VoteReply) and message.trial and message.granted
        )

    def _agree_on_term(self, message: Message) -> bool:
        """Adopt a newer term, or report ours to the sender; return whether ``message`` is to be handled in this term."""
        if message.term < self.term:
            self._answer_older_term(message)
            return False
        if message.term > self.term:
            if isinstance(message, VoteRequest) and not message.transfer and self._in_lease():
                return False
            if not self._is_about_a_trial_term(message):
                leads = isinstance(message, AppendRequest | Heartbeat | SnapshotRequest)
                self._follow(message.term, message.sender if leads else None)
        return True

    def _answer_older_term(self, message: Message) -> None:
        """Tell a leader or a candidate of the newer term, so that it gives up; all else is late and without meaning."""
        if isinstance(message, AppendRequest | Heartbeat | SnapshotRequest):
            self._after_fsync.append(HeartbeatReply(self.me, message.sender, self.term, round=0))
        elif isinstance(message, VoteRequest) and message.trial:
            self._after_fsync.append(VoteReply(self.me, message.sender, self.term, granted=False, trial=True))

    def _campaign(self, *, trial: bool, transfer: bool = False) -> None:
        self.role, self.leader, self.leadership = Role.PRE_CANDIDATE if trial else Role.CANDIDATE, None, None
        self._elapsed_ticks = 0
        self._draw_timeout()
        if not trial:
            self.term, self.vote = self.term + 1, self.me
        self._votes = {self.me: True}
        term = self.term + 1 if trial else self.term
        for other in sorted(self.log.configuration.electors - {self.me}):
            request = VoteRequest(self.me, other, term, self.log.last_index, self.log.last_term, trial=trial, transfer=transfer)
            self._after_fsync.append(request)
        self._count_votes()

    def _may_vote(self, request: VoteRequest) -> bool:
        return self.vote == request.sender or (self.vote is None and self.leader is None)

    def _answer_vote(self, request: VoteRequest) -> None:
        up_to_date = (request.last_term, request.last_index) >= (self.log.last_term, self.log.last_index)
        if request.trial:
            granted = up_to_date and request.term > self.term
            term = request.term if granted else self.term
        else:
            granted, term = up_to_date and self._may_vote(request), self.term
            if granted:
                self.vote, self._elapsed_ticks = request.sender, 0
        self._after_fsync.append(VoteReply(self.me, request.sender, term, granted=granted, trial=request.trial))

    def _count_vote(self, reply: VoteReply) -> None:
        if self.role is (Role.PRE_CANDIDATE if reply.trial else Role.CANDIDATE) and reply.term == self.term + (
            reply.trial and reply.granted
        ):
            self._votes.setdefault(reply.sender, reply.granted)
            self._count_votes()

    def _count_votes(self) -> None:
        configuration = self.log.configuration
        if configuration.has_quorum([who for who, granted in self._votes.items() if granted]):
            if self.role is Role.PRE_CANDIDATE:
                self._campaign(trial=False)
            else:
                self._lead()
        elif configuration.has_quorum([who for who, granted in self._votes.items() if not granted]):
            self._follow(self.term, None)

    def _lead(self) -> None:
        self.role, self.leader = Role.LEADER, self.me
        self.leadership = Leadership(self.me, self.log.last_index + 1, self.settings.window)
        self.leadership.uncommitted_bytes = sum(len(entry.data) for entry in self.log.entries(self.commit + 1))
        self.leadership.follow(self.log.configuration.members, self.log.last_index + 1)
        self._elapsed_ticks = 0
        self._heartbeat_due = True
        self._append(Kind.NO_OP)
