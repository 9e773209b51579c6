"""A member in a version for drills: ``python unsound_member.py FAULT serve …``.

``power``        sound: what was not synced is lost with the process, as when the power fails
``no-fsync``     the same with a sync that does nothing
``stale-reads``  answers reads from its own copy, without asking whether it still leads
``endless-lease``  once it leads, its lease never ends, and it never steps down by itself
``wall-clock``   sound: but the clock on the wall jumps by years at each look
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from pathlib import Path
from typing import Any

from foundation.processes.serving import listen
from workloads.consensus.raft.leadership import Leadership
from workloads.consensus.raft.member import Member
from workloads.consensus.server.run import Process
from workloads.consensus.spec import CoordinationSpec, add_arguments
from workloads.consensus.store.command import Command
from workloads.consensus.store.replica import READS, Answer, Replica
from workloads.consensus.wal.files import Folder


class Power(Folder):
    """Writes reach the folder with their sync."""

    def __init__(self, path: Path, *, syncs: bool) -> None:
        super().__init__(path)
        self._syncs = syncs
        self._waiting: list[tuple[str, int, bytes]] = []

    def write(self, name: str, position: int, data: bytes) -> None:
        self._waiting.append((name, position, data))

    def sync(self, name: str) -> None:
        if self._syncs:
            for each in self._waiting:
                super().write(*each)
            self._waiting = []


class StaleReads(Replica):
    def request(self, command: Command, answer: Answer, **others: Any) -> None:
        if command.action in READS:
            answer(self.machine.read(command))
        else:
            super().request(command, answer, **others)


class EndlessLease(Member):
    def _has_lease(self, leadership: Leadership) -> bool:
        return self.commit >= leadership.first_index

    def _look_after(self, leadership: Leadership) -> None:
        pass


def let_the_wall_clock_jump() -> None:
    real, chance = time.time_ns, random.Random()
    time.time_ns = lambda: real() + chance.randrange(-(10**18), 10**18)
    time.time = lambda: time.time_ns() / 1e9


def main() -> None:
    fault, _, *arguments = sys.argv[1:]
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    parser.add_argument("--host")
    known = parser.parse_args(arguments)
    spec = CoordinationSpec.of(known)
    if fault == "wall-clock":
        let_the_wall_clock_jump()
    process = Process(
        spec,
        files=Power(Path(spec.data) / "log", syncs=fault == "power") if fault in {"power", "no-fsync"} else None,
        replica=StaleReads if fault == "stale-reads" else Replica,
        member=EndlessLease if fault == "endless-lease" else Member,
    )
    listener, health = (listen(known.host, port, "member") for port in (spec.port, spec.health_port))
    asyncio.run(process.run(listener, health, lambda: print("listens on", spec.port, flush=True)))  # noqa: T201


main()
