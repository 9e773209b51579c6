"""The driver of a member: its clock after a pause, and the store's time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pytest

from workloads.consensus.raft.configuration import Configuration
from workloads.consensus.raft.messages import AppendReply, HeartbeatReply, Snapshot, VoteReply
from workloads.consensus.raft.state import Role
from workloads.consensus.server.driver import ELECTION_TICKS, HEARTBEAT_TICKS, Driver
from workloads.consensus.simulation.disk import FaultyFiles
from workloads.consensus.spec import Reads
from workloads.consensus.store.command import Action, Command
from workloads.consensus.store.machine import Machine
from workloads.consensus.wal.storage import Storage

TICK_S = 250 / 1_000 / ELECTION_TICKS


def with_driver(test: Callable[[Driver], None], *voters: str, reads: Reads = Reads.INDEX) -> None:
    async def run() -> None:
        first = Snapshot(0, 0, Configuration(frozenset(voters)), Machine().snapshot())
        storage = Storage(FaultyFiles(random.Random(1)), first, segment_bytes=4096)
        test(Driver("a", storage, 250, send=list, changed=lambda: None, reads=reads))

    asyncio.run(run())


def test_after_a_pause_time_is_known_and_is_no_reason_for_an_election() -> None:
    def test(driver: Driver) -> None:
        ticks: list[int] = []
        skipped: list[int] = []
        driver.replica.tick = lambda: ticks.append(1)  # type: ignore[method-assign]
        driver.member.skip = skipped.append  # type: ignore[method-assign]
        driver._next_tick_s -= 3_600
        driver._catch_up()
        assert len(ticks) == HEARTBEAT_TICKS < ELECTION_TICKS
        missed = skipped[0] + len(ticks)
        assert 3_600 / TICK_S <= missed <= 3_660 / TICK_S
        driver._catch_up()
        assert len(ticks) <= HEARTBEAT_TICKS + 1

    with_driver(test, "a", "b", "c")


@pytest.mark.parametrize("reads", Reads)
def test_a_read_waits_for_the_majority_unless_there_is_a_lease(reads: Reads) -> None:
    """And after a pause there is none, whatever arrives first."""

    def test(driver: Driver) -> None:
        lead(driver)
        get, answers = Command("", 0, 0, Action.GET, "k"), list[object]()
        driver.request(get, b"", answers.append)
        driver._pump()
        assert len(answers) == (reads is Reads.LEASE)
        driver._next_tick_s -= 3_600
        driver.request(get, b"", answers.append)
        driver._pump()
        assert len(answers) == (reads is Reads.LEASE)

    with_driver(test, "a", "b", "c", reads=reads)


def lead(driver: Driver) -> None:
    """Let the driver's member be elected, commit its first entry and send a heartbeat that is answered."""
    while driver.member.role is not Role.CANDIDATE:
        driver.replica.tick()
        driver._pump()
        if driver.member.role is Role.PRE_CANDIDATE:
            driver.receive(VoteReply("b", "a", driver.member.term + 1, granted=True, trial=True))
    driver.receive(VoteReply("b", "a", driver.member.term, granted=True, trial=False))
    driver._pump()
    driver.receive(AppendReply("b", "a", driver.member.term, driver.member.log.last_index, None, 0))
    driver._pump()
    leadership = driver.member.leadership
    assert leadership is not None
    driver.receive(HeartbeatReply("b", "a", driver.member.term, leadership.round))
    driver._pump()


def test_a_group_of_one_leads_and_answers() -> None:
    def test(driver: Driver) -> None:
        for _ in range(2 * ELECTION_TICKS):
            driver.replica.tick()
            driver._pump()
        assert driver.member.role is Role.LEADER
        answers: list[object] = []
        command = Command("c", 1, driver.now_ms, Action.PUT, "k", "v")
        driver.request(command, command.encoded(), answers.append)
        driver._pump()
        assert [getattr(each, "ok", None) for each in answers] == [True]
        assert driver.replica.machine.get("k").value == "v"
        assert driver.fsyncs.count >= 2

    with_driver(test, "a")
