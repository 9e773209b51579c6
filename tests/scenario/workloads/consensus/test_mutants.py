"""The protocol broken in known ways, each by a line or two, to show that the checks would notice."""

from __future__ import annotations

import dataclasses

import pytest

from workloads.consensus.raft.member import Member
from workloads.consensus.raft.messages import AppendRequest, Effects, ReadReady, VoteRequest
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


#: With the seed at which the search starts: one that is known to show the fault.
MUTANTS: dict[type[Member], int] = {
    VotesTwice: 8,
    VotesForOldLogs: 37,
    AnswersBeforeFsync: 1,
    DropsWhatIsBehind: 5,
    ReadsWithoutARound: 11,
}


def search(mutant: type[Member]) -> None:
    first = MUTANTS[mutant]
    for seed in (*range(first, 51), *range(1, first)):
        simulate(seed, member=mutant)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_seeds_of_ci_notice(mutant: type[Member]) -> None:
    with pytest.raises((InvariantError, HistoryError)):
        search(mutant)
