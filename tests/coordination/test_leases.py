"""Reads by a lease with real members: linearizable under faults, also where a leader is cut off from its group but not from its clients."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.coordination.drills import (
    Trouble,
    drill,
    drill_with_reads_everywhere,
    kill_leaders,
    leader_of,
    read_at_one_that_is_cut_off,
    stop_leaders,
    unsound,
)
from workloads.consensus.checking.linearizability import Outcome, Verdict
from workloads.consensus.local import LocalGroup
from workloads.consensus.spec import Reads

pytestmark = pytest.mark.coordination


@pytest.mark.parametrize("trouble", [kill_leaders, stop_leaders])
def test_a_history_under_faults_is_linearizable(tmp_path: Path, trouble: Trouble) -> None:
    with LocalGroup(tmp_path, reads=Reads.LEASE) as group:
        _, verdict = asyncio.run(drill(group, trouble))
    assert verdict.outcome is Outcome.LINEARIZABLE, str(verdict)


def test_a_leader_that_is_cut_off_answers_nothing_old(tmp_path: Path, namespaces: Any) -> None:
    async def part_leaders(group: LocalGroup) -> None:
        for _ in range(3):
            leader = await leader_of(group)
            await asyncio.to_thread(namespaces.part, leader)
            await asyncio.sleep(1.5)
            await asyncio.to_thread(namespaces.heal, leader)
            await asyncio.sleep(0.5)

    with LocalGroup(tmp_path, within=namespaces.within, reads=Reads.LEASE) as group:
        _, verdict = asyncio.run(drill_with_reads_everywhere(group, part_leaders))
    assert verdict.outcome is Outcome.LINEARIZABLE, str(verdict)


def test_control_a_lease_that_never_ends_is_noticed(tmp_path: Path, namespaces: Any) -> None:
    async def read_at_the_leader(group: LocalGroup) -> Verdict:
        return await read_at_one_that_is_cut_off(group, await leader_of(group), namespaces.part)

    with LocalGroup(tmp_path, within=namespaces.within, reads=Reads.LEASE, program=unsound("endless-lease")) as group:
        assert asyncio.run(read_at_the_leader(group)).outcome is Outcome.VIOLATED
