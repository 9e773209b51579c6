"""Speed of a coordination group beside etcd and PySyncObj, and the time without writes after a leader is killed.

Run with ``nox -s bench_core -- coordination [rounds] [kills]``. Every system has three members on this machine, written to by one client
process with 1, 64 and 1,024 writes of 1 KB outstanding; the sides take turns within a round, and medians over the rounds are printed.
Durability differs, and is printed with each row: ours has one fsync and a checksum for each batch, etcd an fsync for each batch, PySyncObj
a journal without any fsync. etcd is asked over its JSON gateway by our adapter, so at 64 and more its row measures that way in, not etcd.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Self

from foundation.processes.child import Child
from foundation.processes.free_port import LOOPBACK, free_port
from stacks.clusters.embedded.certificates import Authority
from toolchain import resolve
from workloads.adapters.etcd import EtcdCoordination
from workloads.consensus.checking.recording import Recorder
from workloads.consensus.client.operator import Operator
from workloads.consensus.client.store import ConsensusCoordination
from workloads.consensus.local import LocalGroup
from workloads.ports.coordination import Coordination, CoordinationError

OUTSTANDING, WINDOW_S, VALUE = (1, 64, 1_024), 3.0, "x" * 1_024
Connect = Callable[[], AbstractAsyncContextManager[Coordination]]


async def writes_per_s(connect: Connect, outstanding: int) -> tuple[float, float, float]:
    """Return writes a second, and the median and 99th percentile of a write in milliseconds."""
    times_ms: list[float] = []

    async def write(store: Coordination, until_s: float) -> None:
        while (begun_s := time.perf_counter()) < until_s:
            await store.put("key", VALUE)
            times_ms.append(1_000 * (time.perf_counter() - begun_s))

    async with connect() as store:
        await asyncio.gather(*(store.put("warm", VALUE) for _ in range(outstanding)))
        begun_s = time.perf_counter()
        await asyncio.gather(*(write(store, begun_s + WINDOW_S) for _ in range(outstanding)))
        took_s = time.perf_counter() - begun_s
    ordered = sorted(times_ms)
    return len(ordered) / took_s, statistics.median(ordered), ordered[int(0.99 * (len(ordered) - 1))]


@contextmanager
def ours(folder: Path, *, tls: bool) -> Iterator[tuple[LocalGroup, Connect, Path | None]]:
    """Start a group."""
    folder.mkdir()
    authority = Authority.make("ca", folder)

    def certificates(name: str) -> Path:
        made = folder / f"certificates-{name}"
        if not made.exists():
            made.mkdir()
            authority.issue(made, "tls", name, addresses=(LOOPBACK,))
            (made / "ca.crt").write_bytes((folder / "ca.crt").read_bytes())
        return made

    mine = certificates("client") if tls else None
    with LocalGroup(folder, certificates=certificates if tls else None) as group:
        yield group, lambda: ConsensusCoordination(group.cluster, group.members, mine), mine


class Etcd:
    """Three members of etcd."""

    def __init__(self, folder: Path) -> None:
        self.clients = [f"http://{LOOPBACK}:{free_port()}" for _ in range(3)]
        peers = [f"http://{LOOPBACK}:{free_port()}" for _ in range(3)]
        program = str(resolve("etcd").path)
        everyone = ",".join(f"e{index}={peer}" for index, peer in enumerate(peers))
        self.commands = [
            [
                program, f"--name=e{index}", f"--data-dir={folder}/e{index}", f"--listen-client-urls={client}",
                f"--advertise-client-urls={client}",
                f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}", f"--initial-cluster={everyone}", "--log-level=error",
                "--snapshot-count=10000",
            ]
            for index, (client, peer) in enumerate(zip(self.clients, peers, strict=True))
        ]  # fmt: skip
        self.children: list[Child] = []

    def __enter__(self) -> Self:
        self.children = [Child(command).start() for command in self.commands]
        return self

    def __exit__(self, *_error: object) -> None:
        for child in self.children:
            child.stop()

    def connect(self) -> EtcdCoordination:
        """Return a client of all members."""
        return EtcdCoordination(self.clients, timeout_s=30.0)

    async def leader(self) -> int:
        """Return the index of the leader."""
        import aiohttp

        async with aiohttp.ClientSession() as session:
            while True:
                for index, client in enumerate(self.clients):
                    with suppress(aiohttp.ClientError):
                        async with session.post(f"{client}/v3/maintenance/status", json={}) as response:
                            status = await response.json()
                            if status.get("leader") == status["header"]["member_id"]:
                                return index
                await asyncio.sleep(0.05)

    def restart(self, index: int) -> None:
        """Start a member that was killed."""
        self.children[index] = Child(self.commands[index]).start()


def pysyncobj_writes_per_s(folder: Path, outstanding: int) -> float:
    """Return writes a second of a PySyncObj group."""
    ports = ",".join(str(free_port()) for _ in range(3))
    command = [sys.executable, str(Path(__file__).parent / "coordination_peer.py"), str(folder)]
    members = [
        subprocess.Popen([*command, str(index), ports], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ)
        for index in range(3)
    ]
    try:
        until_s = time.monotonic() + 30
        while time.monotonic() < until_s:
            for member in members:
                assert member.stdin is not None
                assert member.stdout is not None
                member.stdin.write(f"{outstanding}\n")
                member.stdin.flush()
                if (answer := member.stdout.readline().strip()) != "-":
                    return float(answer)
            time.sleep(0.2)
        raise RuntimeError("no member of PySyncObj leads")
    finally:
        for member in members:
            member.kill()
            member.wait()


async def without_writes_ms(connect: Connect, kill_leader: Callable[[], object], again: Callable[[], object], kills: int) -> list[float]:
    """Return the times from a kill to the next acknowledged write."""
    recorder = Recorder(connect, clients=4, keys=4, pause_s=0.002)
    stop = asyncio.Event()
    running = asyncio.create_task(recorder.run(stop))
    times = []
    while len(recorder.writes) < 100:  # noqa: ASYNC110 - the end is a number
        await asyncio.sleep(0.1)
    for _ in range(kills):
        killed_s = await kill_leader()  # type: ignore[misc]
        while recorder.writes[-1] < killed_s + 0.1:  # noqa: ASYNC110 - the end is a time
            await asyncio.sleep(0.01)
        after = [each for each in recorder.writes if each > killed_s - 0.5]
        times.append(1_000 * (max((b - a, b) for a, b in itertools.pairwise(after) if b > killed_s)[1] - killed_s))
        await asyncio.to_thread(again)
        await asyncio.sleep(1.0)
    stop.set()
    await running
    return times


def kills_of_ours(folder: Path, kills: int) -> list[float]:
    """Kill the leader of a group of ours."""
    with ours(folder, tls=False) as (group, connect, _):
        killed: list[str] = []

        async def kill() -> float:
            async with Operator(group.cluster, group.members) as operator:
                killed[:] = [(await operator.leader())["member"]]
            begun_s = time.monotonic()
            await asyncio.to_thread(group.kill, killed[0])
            return begun_s

        return asyncio.run(without_writes_ms(connect, kill, lambda: group.start(killed[0]), kills))


def kills_of_etcd(folder: Path, kills: int) -> list[float]:
    """Kill the leader of etcd."""
    with Etcd(folder) as etcd:
        killed: list[int] = []

        async def kill() -> float:
            killed[:] = [await etcd.leader()]
            begun_s = time.monotonic()
            etcd.children[killed[0]].process.kill()
            return begun_s

        return asyncio.run(without_writes_ms(etcd.connect, kill, lambda: etcd.restart(killed[0]), kills))


def main() -> None:
    """Measure and print."""
    rounds, kills = (int(sys.argv[place]) if len(sys.argv) > place else default for place, default in ((1, 3), (2, 50)))
    rates: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        _, plain, _ = stack.enter_context(ours(folder / "plain", tls=False))
        _, secure, _ = stack.enter_context(ours(folder / "secure", tls=True))
        etcd = stack.enter_context(Etcd(folder))
        sides: dict[str, Connect] = {"ours, fsync": plain, "ours, fsync, TLS": secure, "etcd, fsync, JSON gateway": etcd.connect}
        for turn in range(rounds):
            for outstanding in OUTSTANDING:
                for side, connect in sides.items():
                    try:
                        rates.setdefault((side, outstanding), []).append(asyncio.run(writes_per_s(connect, outstanding)))
                    except CoordinationError as error:
                        print(f"  {side}, {outstanding} outstanding: {error}")
                peer_folder = folder / f"peer-{turn}-{outstanding}"
                peer_folder.mkdir()
                rate = pysyncobj_writes_per_s(peer_folder, outstanding)
                rates.setdefault(("PySyncObj, journal, no fsync", outstanding), []).append((rate, float("nan"), float("nan")))
    print(
        f"writes of 1 KB, three members, one client, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, {rounds} rounds: median (range)"
    )
    for (side, outstanding), seen in sorted((each for each in rates.items() if each[1]), key=lambda item: (item[0][1], item[0][0])):
        per_s = [each[0] for each in seen]
        middle, late = (statistics.median(each[place] for each in seen) for place in (1, 2))
        speed = f"{statistics.median(per_s):8,.0f}/s ({min(per_s):,.0f} to {max(per_s):,.0f})"
        print(f"  {outstanding:5} outstanding  {side:30} {speed}  p50 {middle:.1f} ms  p99 {late:.1f} ms")
    if kills:
        with tempfile.TemporaryDirectory() as name:
            for side, measured in (("ours", kills_of_ours), ("etcd", kills_of_etcd)):
                (Path(name) / side).mkdir() if side == "etcd" else None
                times = sorted(measured(Path(name) / side, kills))
                print(
                    f"leader killed, {side}: p50 {statistics.median(times):.0f} ms, max {times[-1]:.0f} ms without writes (n={len(times)})"
                )


if __name__ == "__main__":
    main()
