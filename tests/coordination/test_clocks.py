"""Clocks that jump. A member reads no clock that can be set; it measures times by the one that counts from the start of the machine.

So a wall clock may jump as it likes. The other clock jumps where a member comes up on another machine, or the machine starts again: then
it begins elsewhere, here by time namespaces, which need root. What it cannot do is run backwards in a process that goes on. Time that
passes while a process stands still is a drill of its own (SIGSTOP, ``test_drills.py``).
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from foundation.processes.free_port import LOOPBACK
from tests.coordination.drills import drill, kill_leaders, leader_of, unsound
from workloads.consensus.checking.linearizability import Outcome
from workloads.consensus.client.store import ConsensusCoordination
from workloads.consensus.local import LocalGroup
from workloads.consensus.spec import Reads

pytestmark = pytest.mark.coordination
DAY_S = 86_400


async def change_leaders(group: LocalGroup) -> None:
    """Hold a long and a short lease while leaders change: the long one goes on, the short one ends."""
    async with ConsensusCoordination(group.cluster, group.members, timeout_s=60.0) as store:
        await store.put("long", "", lease=await store.grant(60_000))
        await kill_leaders(group)
        await store.put("short", "", lease=await store.grant(3_000))
        await asyncio.to_thread(group.kill, await leader_of(group))
        async with asyncio.timeout(120):
            while await store.get("short") is not None:
                await asyncio.sleep(0.05)
        assert await store.get("long") is not None


def test_a_wall_clock_that_jumps_changes_nothing(tmp_path: Path) -> None:
    with LocalGroup(tmp_path, program=unsound("wall-clock"), reads=Reads.LEASE) as group:
        _, verdict = asyncio.run(drill(group, change_leaders))
    assert verdict.outcome is Outcome.LINEARIZABLE, str(verdict)


@pytest.fixture
def starts_at_another_time() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return where members run: each start in a time namespace of its own, up to 30 days ahead."""

    class Elsewhen(dict[str, tuple[str, tuple[str, ...]]]):
        def __getitem__(self, member: str) -> tuple[str, tuple[str, ...]]:
            ahead = str(chance.randrange(30 * DAY_S))
            return LOOPBACK, ("unshare", "--time", f"--monotonic={ahead}", f"--boottime={ahead}")

    chance = random.Random(1)
    members = Elsewhen.fromkeys(("n0", "n1", "n2"), (LOOPBACK, ()))
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("time namespaces need root and the program `unshare` (Debian: util-linux)")
    if subprocess.run([*Elsewhen(members)["n0"][1], "true"], check=False, capture_output=True).returncode:
        pytest.skip("no time namespaces here")
    return Elsewhen(members)


def test_members_whose_clocks_are_days_apart_agree(tmp_path: Path, starts_at_another_time: dict[str, tuple[str, tuple[str, ...]]]) -> None:
    with LocalGroup(tmp_path, within=starts_at_another_time, reads=Reads.LEASE) as group:
        _, verdict = asyncio.run(drill(group, change_leaders))
    assert verdict.outcome is Outcome.LINEARIZABLE, str(verdict)
