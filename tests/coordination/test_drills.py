"""Three real members under a load: killed, stopped, cut off. What the clients saw must be linearizable, and controls must fail."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from foundation.errors import NotReadyError
from workloads.consensus.checking import key_value
from workloads.consensus.checking.linearizability import Outcome, Verdict, check
from workloads.consensus.checking.recording import Recorder
from workloads.consensus.client.operator import Operator
from workloads.consensus.client.store import ConsensusCoordination
from workloads.consensus.local import LocalGroup
from workloads.ports.coordination import KeyValue

pytestmark = pytest.mark.coordination
Trouble = Callable[[LocalGroup], Awaitable[None]]


async def leader_of(group: LocalGroup) -> str:
    async with Operator(group.cluster, group.members) as operator:
        while True:
            leading = [each for each in await operator.statuses() if each.get("role") == "leader"]
            if leading:
                return str(max(leading, key=lambda each: each["term"])["member"])
            await asyncio.sleep(0.05)


async def drill(group: LocalGroup, trouble: Trouble, *, pause_s: float = 0.005) -> tuple[Recorder, Verdict]:
    """Run clients while ``trouble`` lasts, and a little longer."""
    recorder = Recorder(lambda: ConsensusCoordination(group.cluster, group.members, timeout_s=5.0, patience_s=0.5), pause_s=pause_s)
    stop = asyncio.Event()
    async with asyncio.timeout(90):
        running = asyncio.create_task(recorder.run(stop))
        await asyncio.sleep(0.5)
        await trouble(group)
        answered = len(recorder.writes)
        while len(recorder.writes) < answered + 20:
            await asyncio.sleep(0.05)
        stop.set()
        await running
    return recorder, check(recorder.history, key_value.step)


async def kill_leaders(group: LocalGroup) -> None:
    for _ in range(3):
        leader = await leader_of(group)
        await asyncio.to_thread(group.kill, leader)
        await asyncio.sleep(0.7)
        await asyncio.to_thread(group.start, leader)


async def stop_leaders(group: LocalGroup) -> None:
    for _ in range(2):
        leader = await leader_of(group)
        group.pause(leader)
        await asyncio.sleep(1.5)
        group.resume(leader)
        await asyncio.sleep(0.3)


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
        recorder, verdict = asyncio.run(drill(group, trouble))
    assert verdict.outcome is Outcome.LINEARIZABLE, str(verdict)
    assert len(recorder.history) > 100


def unsound(fault: str) -> tuple[str, ...]:
    return sys.executable, str(Path(__file__).parent / "unsound_member.py"), fault


def test_what_was_synced_survives_the_loss_of_all_that_was_not(tmp_path: Path) -> None:
    with LocalGroup(tmp_path, program=unsound("power")) as group:
        _, verdict = asyncio.run(drill(group, power_failure))
    assert verdict.outcome is Outcome.LINEARIZABLE, str(verdict)


def test_control_without_fsync_the_checker_notices(tmp_path: Path) -> None:
    with LocalGroup(tmp_path, program=unsound("no-fsync")) as group:
        _, verdict = asyncio.run(drill(group, power_failure))
    assert verdict.outcome is Outcome.VIOLATED


def test_control_reads_without_asking_are_noticed(tmp_path: Path) -> None:
    """Clients that write at the leader and read at any member see the past."""

    class Elsewhere(ConsensusCoordination):
        """Reads at one member alone."""

        def __init__(self, group: LocalGroup, member: str) -> None:
            super().__init__(group.cluster, group.members)
            self._reads = ConsensusCoordination(group.cluster, {member: group.members[member]})

        async def get(self, key: str) -> KeyValue | None:
            return await self._reads.get(key)

        async def __aexit__(self, *error: object) -> None:
            await self._reads.__aexit__(*error)
            await super().__aexit__(*error)

    async def read_everywhere(group: LocalGroup) -> Verdict:
        members = itertools.cycle(group.members)
        recorder = Recorder(lambda: Elsewhere(group, next(members)), clients=9, keys=1, pause_s=0.001)
        stop = asyncio.Event()
        running = asyncio.create_task(recorder.run(stop))
        await asyncio.sleep(2.0)
        stop.set()
        await running
        return check(recorder.history, key_value.step)

    with LocalGroup(tmp_path, program=unsound("stale-reads")) as group:
        assert asyncio.run(read_everywhere(group)).outcome is Outcome.VIOLATED


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
        assert max(gaps) < 5.0


def test_a_leader_that_is_cut_off_is_replaced_and_answers_nothing_old(tmp_path: Path, namespaces: Any) -> None:
    async def cut_leaders(group: LocalGroup) -> None:
        for _ in range(3):
            leader = await leader_of(group)
            await asyncio.to_thread(namespaces.cut, leader)
            await asyncio.sleep(1.5)
            await asyncio.to_thread(namespaces.join, leader)
            await asyncio.sleep(0.5)

    with LocalGroup(tmp_path, within=namespaces.within) as group:
        recorder, verdict = asyncio.run(drill(group, cut_leaders))
    assert verdict.outcome is Outcome.LINEARIZABLE, str(verdict)
    assert len(recorder.history) > 100
