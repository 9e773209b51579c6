"""Three real members under a load: killed, stopped, cut off. What the clients saw must be linearizable, and controls must fail."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from foundation.errors import NotReadyError
from tests.coordination.drills import Trouble, drill, kill_leaders, leader_of, read_at_one_that_is_cut_off, stop_leaders, unsound
from workloads.consensus.checking import key_value
from workloads.consensus.checking.linearizability import Outcome, Verdict, check
from workloads.consensus.checking.recording import Recorder
from workloads.consensus.client.operator import Operator
from workloads.consensus.client.store import ConsensusCoordination
from workloads.consensus.local import LocalGroup

pytestmark = pytest.mark.coordination


async def power_failure(group: LocalGroup) -> None:
    """Members end at the same time, and start again."""
    for _ in range(2):
        for name in group.members:
            group.kill(name)
        await asyncio.to_thread(group.start, *group.members)
        await asyncio.sleep(0.5)


@pytest.mark.parametrize("trouble", [kill_leaders, stop_leaders, power_failure])
def test_a_history_under_faults_is_linearizable(tmp_path: Path, trouble: Trouble) -> None:
    with LocalGroup(tmp_path) as group:
        _, verdict = asyncio.run(drill(group, trouble))
    assert verdict.outcome is Outcome.LINEARIZABLE, str(verdict)


def test_what_was_synced_survives_the_loss_of_all_that_was_not(tmp_path: Path) -> None:
    with LocalGroup(tmp_path, program=unsound("power")) as group:
        _, verdict = asyncio.run(drill(group, power_failure))
    assert verdict.outcome is Outcome.LINEARIZABLE, str(verdict)


@pytest.mark.parametrize(("program", "outcome"), [("power", Outcome.LINEARIZABLE), ("no-fsync", Outcome.VIOLATED)])
def test_the_checker_notices_whether_what_was_synced_is_there_again(tmp_path: Path, program: str, outcome: Outcome) -> None:
    """On a key that nobody else writes. Whether random clients look where something is missing would be left to chance."""

    async def write_and_read_again(group: LocalGroup) -> Recorder:
        def connect() -> ConsensusCoordination:
            return ConsensusCoordination(group.cluster, group.members, timeout_s=60.0)

        recorder = Recorder(connect)
        async with connect() as store:
            await recorder.operate("writer", store, "witness", "put", "written")
        await power_failure(group)
        async with connect() as store:
            await recorder.operate("reader", store, "witness", "get")
        return recorder

    with LocalGroup(tmp_path, program=unsound(program)) as group:
        history = asyncio.run(write_and_read_again(group)).history
    assert len(history) == 2
    assert check(history, key_value.step).outcome is outcome


def test_control_reads_without_asking_are_noticed(tmp_path: Path, namespaces: Any) -> None:
    async def read_at_a_follower(group: LocalGroup) -> Verdict:
        leader = await leader_of(group)
        return await read_at_one_that_is_cut_off(group, next(name for name in group.members if name != leader), namespaces.part)

    with LocalGroup(tmp_path, within=namespaces.within, program=unsound("stale-reads")) as group:
        assert asyncio.run(read_at_a_follower(group)).outcome is Outcome.VIOLATED


def test_a_member_is_replaced_and_all_are_restarted_without_losing_a_write(tmp_path: Path) -> None:
    async def replace_and_roll(group: LocalGroup) -> None:
        async with Operator(group.cluster, group.members) as operator:
            leader = await leader_of(group)
            victim = next(name for name in group.members if name != leader)
            group.kill(victim)
            for file in sorted(group.data(victim).rglob("*"), reverse=True):
                file.unlink() if file.is_file() else file.rmdir()
            with pytest.raises(NotReadyError, match=f"the folder is empty, but {leader} has acknowledgements of {victim}"):
                await asyncio.to_thread(group.start, victim)
            group.stop(victim)
            await operator.remove(victim)
            await asyncio.to_thread(group.start, victim)
            await operator.add(victim)
            status = next(each for each in await operator.statuses() if each["member"] == victim)
            assert status["voters"] == sorted(group.members)
            for name in group.members:
                await asyncio.to_thread(group.stop, name)
                await asyncio.to_thread(group.start, name)
                await leader_of(group)

    with LocalGroup(tmp_path) as group:
        recorder, verdict = asyncio.run(drill(group, replace_and_roll))
    assert verdict.outcome is Outcome.LINEARIZABLE, str(verdict)
    with contextlib.suppress(ValueError):
        gaps = [after - before for before, after in zip(recorder.writes, recorder.writes[1:], strict=False)]
        assert max(gaps) < 60.0


def test_a_leader_that_is_cut_off_is_replaced_and_answers_nothing_old(tmp_path: Path, namespaces: Any) -> None:
    async def cut_leaders(group: LocalGroup) -> None:
        for _ in range(3):
            leader = await leader_of(group)
            await asyncio.to_thread(namespaces.cut, leader)
            await asyncio.sleep(1.5)
            await asyncio.to_thread(namespaces.join, leader)
            await asyncio.sleep(0.5)

    with LocalGroup(tmp_path, within=namespaces.within) as group:
        _, verdict = asyncio.run(drill(group, cut_leaders))
    assert verdict.outcome is Outcome.LINEARIZABLE, str(verdict)
