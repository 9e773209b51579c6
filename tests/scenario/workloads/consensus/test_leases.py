"""Reads by a lease (thesis, 6.4.1): spared a round while it holds, never old within the bounds that are said, and old beyond them."""

from __future__ import annotations

import pytest

from workloads.consensus.raft.member import Member
from workloads.consensus.simulation.cluster import Cluster
from workloads.consensus.simulation.node import Node
from workloads.consensus.store.command import Action, Command, Result

TICK_MS = 10.0


class TakesNoNoteOfMissedTime(Member):
    def skip(self, ticks: int) -> None:
        pass


class Leased:
    """Three members, and a client that writes 1, then 2."""

    def __init__(self, member: type[Member] = Member, seed: int = 1) -> None:
        self.cluster = Cluster(seed, ["n0", "n1", "n2"], tick_ms=TICK_MS, member=member)
        self.writes = 0
        assert self.cluster.run_until(lambda: self.cluster.leader is not None, limit_ms=5_000)
        assert self.cluster.leader is not None
        self.old: Node = self.cluster.leader
        self.write(self.old)
        self.cluster.run_for(10 * TICK_MS)  # some heartbeats are answered

    def write(self, node: Node) -> None:
        self.cluster.run_for(TICK_MS)  # one that was just elected gives up what was asked before
        self.writes += 1
        answers: list[Result | None] = []
        command = Command("writer", self.writes, 0, Action.PUT, "key", str(self.writes))
        node.request(command, answers.append)
        assert self.cluster.run_until(lambda: bool(answers), limit_ms=5_000)
        assert answers[0] is not None

    def ask(self) -> list[Result | None]:
        """Read at the old leader; what it answers is in the list once it does."""
        answers: list[Result | None] = []
        self.old.request(Command("", 0, 0, Action.GET, "key"), answers.append, lease_read=True)
        return answers

    def cut_off(self) -> None:
        self.cluster.network.part([self.old.name], self.cluster.nodes)

    def write_elsewhere(self) -> None:
        assert self.cluster.run_until(lambda: self.cluster.leader is not self.old, limit_ms=5_000)
        assert self.cluster.leader is not None
        self.write(self.cluster.leader)


def values(answers: list[Result | None]) -> list[str | None]:
    return [each.value for each in answers if each is not None]


def test_a_read_is_answered_without_a_message_while_the_lease_holds() -> None:
    group = Leased()
    sent = group.cluster.network.sent
    assert values(group.ask()) == ["1"]
    assert group.cluster.network.sent == sent


def test_a_leader_that_is_cut_off_answers_until_its_lease_ends_and_then_nothing() -> None:
    group = Leased()
    group.cut_off()
    assert values(group.ask()) == ["1"]
    group.cluster.run_for(group.cluster.settings.lease_ticks * TICK_MS)
    answers = group.ask()
    group.cluster.run_for(1_000)
    assert values(answers) == []


def read_after_a_stall(member: type[Member]) -> list[str | None]:
    group = Leased(member)
    group.cut_off()
    group.old.stall(2_000)
    group.write_elsewhere()
    answers = group.ask()
    group.cluster.run_for(2_500)
    return values(answers)


def test_a_leader_that_was_stopped_knows_that_its_lease_has_ended() -> None:
    assert read_after_a_stall(Member) == []


def test_control_a_leader_that_takes_no_note_of_missed_time_answers_what_is_old() -> None:
    assert read_after_a_stall(TakesNoNoteOfMissedTime) == ["1"]


def reads_while_cut_off(drift: float, seed: int) -> list[str | None]:
    """Read all the time at a leader that is cut off and whose clock is slow, while another one is elected by fast clocks."""
    group = Leased(seed=seed)
    for node in group.cluster.nodes.values():
        node.clock_rate = 1 - drift if node is group.old else 1 + drift
    group.cluster.run_for(20 * TICK_MS)
    group.cut_off()
    group.write_elsewhere()
    answers = []
    for _ in range(100):
        answers += group.ask()
        group.cluster.run_for(TICK_MS / 2)
    return values(answers)


@pytest.mark.parametrize("seed", range(20))
def test_clocks_that_drift_within_the_bound_make_no_read_old(seed: int) -> None:
    assert reads_while_cut_off(Leased().cluster.settings.max_clock_drift / 2, seed) == []


def test_control_a_clock_that_drifts_beyond_the_bound_does() -> None:
    assert "1" in [value for seed in range(5) for value in reads_while_cut_off(0.8, seed)]
