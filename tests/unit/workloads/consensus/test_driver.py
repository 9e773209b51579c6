"""The driver of a member: its clock after a pause, and the store's time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from workloads.consensus.raft.configuration import Configuration
from workloads.consensus.raft.messages import Snapshot
from workloads.consensus.raft.state import Role
from workloads.consensus.server.driver import ELECTION_TICKS, HEARTBEAT_TICKS, Driver
from workloads.consensus.simulation.disk import FaultyFiles
from workloads.consensus.store.command import Action, Command
from workloads.consensus.store.machine import Machine
from workloads.consensus.wal.storage import Storage


def with_driver(test: Callable[[Driver], None], *voters: str) -> None:
    async def run() -> None:
        first = Snapshot(0, 0, Configuration(frozenset(voters)), Machine().snapshot())
        storage = Storage(FaultyFiles(random.Random(1)), first, segment_bytes=4096)
        test(Driver("a", storage, 250, send=list, changed=lambda: None))

    asyncio.run(run())


def test_after_a_pause_connections_are_read_before_many_ticks_are_made_up_for() -> None:
    def test(driver: Driver) -> None:
        ticks: list[int] = []
        driver.replica.tick = lambda: ticks.append(1)  # type: ignore[method-assign]
        driver._next_tick_s -= 3_600
        driver._catch_up()
        assert len(ticks) == HEARTBEAT_TICKS < ELECTION_TICKS

    with_driver(test, "a", "b", "c")


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
