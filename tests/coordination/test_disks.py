"""A member whose disk is really full: a small file system of its own; needs root, to mount it."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from workloads.consensus.client.operator import Operator
from workloads.consensus.client.store import ConsensusCoordination
from workloads.consensus.local import LocalGroup

pytestmark = pytest.mark.coordination
VALUE = "x" * 500_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return the folder of member n1: room for one segment of the log."""
    folder = tmp_path / "group" / "n1"
    folder.mkdir(parents=True)
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", folder], check=False).returncode:
        pytest.skip("a small file system needs root, to mount a tmpfs")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_member_with_a_full_disk_ends_the_others_go_on_and_with_space_it_is_back(small_disk: Path) -> None:
    async def write_until_it_ends(group: LocalGroup) -> int:
        async with ConsensusCoordination(group.cluster, group.members, timeout_s=120.0) as store:
            for number in range(100):
                await store.put(f"k{number % 10}", VALUE)
                if not group.runs("n1"):
                    await store.put("after", str(number))
                    return number
        raise AssertionError("it goes on with a full disk")

    async def catch_up(group: LocalGroup) -> None:
        async with (
            ConsensusCoordination(group.cluster, group.members, timeout_s=120.0) as store,
            Operator("local", group.members) as operator,
        ):
            written = await store.put("again", "")
            async with asyncio.timeout(180):
                while {each.get("revision") for each in await operator.statuses()} != {written}:
                    await asyncio.sleep(0.1)

    with LocalGroup(small_disk.parent) as group:
        assert asyncio.run(write_until_it_ends(group)) >= 20
        said = group.log("n1").read_text()
        assert (
            "the disk failed: [Errno 28] No space left on device; nothing that was acknowledged is lost. Mend it, and start again" in said
        )
        group.stop("n1")
        subprocess.run(["mount", "-o", "remount,size=200m", small_disk], check=True)
        group.start("n1")
        asyncio.run(catch_up(group))
