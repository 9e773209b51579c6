"""The protocol broken in known ways, each by a line or two, to show that the checks would notice."""

from __future__ import annotations

import dataclasses

import pytest

from workloads.consensus.raft.leadership import Leadership
from workloads.consensus.raft.log import Log
from workloads.consensus.raft.member import Member
from workloads.consensus.raft.messages import AppendRequest, Effects, Heartbeat, ReadReady, Snapshot, VoteReply, VoteRequest
from workloads.consensus.raft.state import Role
from workloads.consensus.simulation.invariants import InvariantError
from workloads.consensus.simulation.run import HistoryError, simulate


class VotesTwice(Member):
    def _may_vote(self, request: VoteRequest) -> bool:
        return True


class VotesForOldLogs(Member):
    def _answer_vote(self, request: VoteRequest) -> None:
        super()._answer_vote(dataclasses.replace(request, last_term=1 << 40))


class AnswersBeforeFsync(Member):
    def take_effects(self) -> Effects:
        effects = super().take_effects()
        return dataclasses.replace(effects, at_once=effects.at_once + effects.after_fsync, after_fsync=())


class DropsWhatIsBehind(Member):
    """A late message makes the log shorter (paper, figure 2: only a conflict may)."""

    def _accept(self, request: AppendRequest) -> tuple[int, int | None, int]:
        answer = super()._accept(request)
        if answer[1] is None and answer[0] < self.log.last_index:
            self.log.truncate(answer[0] + 1)
            self._unwritten = min(self._unwritten, answer[0] + 1)
        return answer


class ReadsWithoutARound(Member):
    def read(self, context: int, *, lease: bool = False) -> None:
        if self.leadership is None:
            super().read(context, lease=lease)
        else:
            self._reads.append(ReadReady(context, self.commit))


class LoadsOlderSnapshots(Member):
    """A late snapshot takes the member back."""

    def _load(self, snapshot: Snapshot) -> int:
        if snapshot.index >= self.commit:
            return super()._load(snapshot)
        self.log = Log(snapshot)
        self.commit, self._delivered, self._durable, self._unwritten = snapshot.index, snapshot.index, 0, snapshot.index + 1
        self._new_snapshot = self._restore = snapshot
        return self.commit


class AppendsBehindAnyTerm(Member):
    """The entry before the new ones is not compared (paper, figure 2, AppendEntries, step 2)."""

    def _accept(self, request: AppendRequest) -> tuple[int, int | None, int]:
        there = self.log.term(request.previous_index)
        return super()._accept(request if there is None else dataclasses.replace(request, previous_term=there))


class KeepsConflicts(Member):
    """Entries of another term stay where they are (step 3)."""

    def _accept(self, request: AppendRequest) -> tuple[int, int | None, int]:
        new = tuple(entry for entry in request.entries if self.log.term(entry.index) is None)
        if request.entries and not new:
            return request.previous_index + len(request.entries), None, 0
        return super()._accept(dataclasses.replace(request, entries=new))


class ReadsBeforeItsNoOp(Member):
    """A new leader answers reads before it knows what is committed (thesis, 6.4)."""

    def _note_read(self, leadership: Leadership, who: str, context: int) -> None:
        leadership.read(who, context, self.commit)
        self._heartbeat_due = True


class HeartbeatsCommitTooMuch(Member):
    """Heartbeats tell the leader's commit even to those whose log may differ before it."""

    def _send_what_is_due(self, leadership: Leadership) -> None:
        super()._send_what_is_due(leadership)
        self._at_once = [dataclasses.replace(each, commit=self.commit) if isinstance(each, Heartbeat) else each for each in self._at_once]


class TwoOfFiveCommit(Member):
    def _advance_commit(self, leadership: Leadership) -> None:
        best = min(self._durable, max((each.match for each in leadership.followers.values()), default=0))
        if len(self.log.configuration.voters) > 3 and best > self.commit and self._may_commit(best):
            self.commit = best
        super()._advance_commit(leadership)


class CountsVotesOfOtherTerms(Member):
    def _count_vote(self, reply: VoteReply) -> None:
        if self.role in {Role.CANDIDATE, Role.PRE_CANDIDATE}:
            self._votes.setdefault(reply.sender, reply.granted)
            self._count_votes()


#: As many as CI runs.
SEEDS = 120
#: With the seed at which the search starts: one that is known to show the fault.
MUTANTS: dict[type[Member], int] = {
    VotesTwice: 8,
    VotesForOldLogs: 60,
    AnswersBeforeFsync: 3,
    DropsWhatIsBehind: 1,
    ReadsWithoutARound: 16,
    LoadsOlderSnapshots: 31,
    AppendsBehindAnyTerm: 46,
    KeepsConflicts: 1,
    ReadsBeforeItsNoOp: 110,
    HeartbeatsCommitTooMuch: 1,
    TwoOfFiveCommit: 9,
    CountsVotesOfOtherTerms: 36,
}


def search(mutant: type[Member]) -> None:
    first = MUTANTS[mutant]
    for seed in (*range(first, SEEDS + 1), *range(1, first)):
        simulate(seed, member=mutant)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_seeds_of_ci_notice(mutant: type[Member]) -> None:
    with pytest.raises((InvariantError, HistoryError)):
        search(mutant)
