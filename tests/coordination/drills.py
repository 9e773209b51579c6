"""Clients of a real group while something is done to its members, and what they saw, judged."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from workloads.consensus.checking import key_value
from workloads.consensus.checking.linearizability import Verdict, check
from workloads.consensus.checking.recording import Recorder
from workloads.consensus.client.operator import Operator
from workloads.consensus.client.store import ConsensusCoordination
from workloads.consensus.local import LocalGroup
from workloads.ports.coordination import KeyValue

#: Fewer would say little; a busy machine takes longer for them.
LEAST_OPERATIONS = 200

Trouble = Callable[[LocalGroup], Awaitable[None]]


def unsound(fault: str) -> tuple[str, ...]:
    """Return the program of ``unsound_member.py``."""
    return sys.executable, str(Path(__file__).parent / "unsound_member.py"), fault


async def leader_of(group: LocalGroup) -> str:
    async with Operator(group.cluster, group.members) as operator:
        while True:
            leading = [each for each in await operator.statuses() if each.get("role") == "leader"]
            if leading:
                return str(max(leading, key=lambda each: each["term"])["member"])
            await asyncio.sleep(0.05)


class ReadsAt(ConsensusCoordination):
    """Writes at the leader and reads at one member alone, whatever becomes of it."""

    def __init__(self, group: LocalGroup, member: str) -> None:
        super().__init__(group.cluster, group.members, timeout_s=5.0, patience_s=0.5)
        self._reads = ConsensusCoordination(group.cluster, {member: group.members[member]}, timeout_s=0.5, patience_s=0.5)

    async def get(self, key: str) -> KeyValue | None:
        return await self._reads.get(key)

    async def __aexit__(self, *error: object) -> None:
        await self._reads.__aexit__(*error)
        await super().__aexit__(*error)


async def drill(group: LocalGroup, trouble: Trouble, *, pause_s: float = 0.005) -> tuple[Recorder, Verdict]:
    """Run clients while ``trouble`` lasts, and a little longer."""
    recorder = Recorder(lambda: ConsensusCoordination(group.cluster, group.members, timeout_s=5.0, patience_s=0.5), pause_s=pause_s)
    return await _run(recorder, group, trouble)


async def drill_with_reads_everywhere(group: LocalGroup, trouble: Trouble) -> tuple[Recorder, Verdict]:
    """The same with three clients at each member, and one key."""
    members = itertools.cycle(group.members)
    return await _run(Recorder(lambda: ReadsAt(group, next(members)), clients=9, keys=1, pause_s=0.001), group, trouble)


async def read_at_one_that_is_cut_off(group: LocalGroup, member: str, part: Callable[[str], None]) -> Verdict:
    """Cut ``member`` off from its group, write at the others, and read at it. Nothing here depends on chance, as a control must not."""

    def client(*names: str) -> ConsensusCoordination:
        return ConsensusCoordination(group.cluster, {name: group.members[name] for name in names}, timeout_s=60.0, patience_s=0.5)

    others = [name for name in group.members if name != member]
    recorder = Recorder(lambda: client(*group.members))
    async with client(*group.members) as everywhere, client(*others) as elsewhere, client(member) as there:
        await recorder.operate("first", everywhere, "witness", "put", "old")
        await asyncio.to_thread(part, member)
        await recorder.operate("second", elsewhere, "witness", "put", "new")
        await recorder.operate("third", there, "witness", "get")
    assert len(recorder.history) == 3, "a client was left without an answer"
    return check(recorder.history, key_value.step)


async def _run(recorder: Recorder, group: LocalGroup, trouble: Trouble) -> tuple[Recorder, Verdict]:
    stop = asyncio.Event()
    async with asyncio.timeout(240):
        running = asyncio.create_task(recorder.run(stop))
        await asyncio.sleep(0.5)
        await trouble(group)
        answered = len(recorder.writes)
        while len(recorder.writes) < answered + 20 or len(recorder.history) < LEAST_OPERATIONS:
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
