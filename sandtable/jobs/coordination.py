"""The group that coordinates as processes of this machine: its leader is killed, and the time without writes held against the twin.

Rule 1: the members are started with the deployed arguments, with mutual TLS; addresses, folders and certificates are the rehearsal's.
Rule 2: a fault ``coordination=kill@…`` kills whoever leads, five times, so that the mean has an interval; what was killed starts again.
Rule 3: what the clients saw must be possible on one copy (``workloads/consensus/checking``). If it is not, the verdict cannot be ship.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from foundation.errors import NotReadyError
from foundation.measures import JobFigure, JobOutcome
from sandtable.jobs.remarks import NO_REMARKS, Remarks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from foundation.formats.changes import Change
    from sandtable.jobs.engines.trial import Setting
    from simulations.coordination import DeployedCoordination, Machine
    from stacks.graph import Graph
    from workloads.consensus.checking.recording import Recorder
    from workloads.consensus.local import LocalGroup

KIND: Final = "coordination"
_WRITES_S: Final = 5.0
_KILLS: Final = 5
_WARM_WRITES: Final = 200
_DOWN_S, _PAUSE_S = 1.0, 1.0
_PREDICTED_RUNS: Final = 100
_RECOVERY_LIMIT_S: Final = 60.0
_REAL: Final = "The group that coordinates: processes of this machine with the deployed arguments; certificates are the rehearsal's."


@dataclass(frozen=True, slots=True)
class Drilled:
    """What was seen: the machine before any kill, times of writes, times without writes after each kill, and what is impossible in it."""

    machine: Machine
    write_ms: tuple[float, ...]
    without_writes_ms: tuple[float, ...]
    operations: int
    contradiction: str | None


def coordination_job(graph: Graph, faults: Sequence[Change], setting: Setting) -> tuple[JobOutcome | None, Remarks]:
    """Drill the group that ``graph`` deploys; None if it deploys none, or if it does not start here."""
    from simulations.coordination import DeployedCoordination, times_without_writes_ms

    deployed = DeployedCoordination.from_graph(graph)
    if deployed is None:
        return None, NO_REMARKS
    kills = [fault for fault in faults if fault.kind == KIND]
    folder = setting.folder / KIND
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with setting.steps.step(KIND) as step:
            drilled = drill(deployed, kills, folder, seed=setting.seed)
            runs = _PREDICTED_RUNS if kills else 0
            predicted = times_without_writes_ms(deployed.spec, drilled.machine, runs=runs, seed=setting.seed)
            outcome = outcome_of(predicted, drilled, kills)
            step.note(_summary(outcome, drilled))
    except NotReadyError as error:
        return None, Remarks(missing=(f"the group that coordinates was not drilled: {error}",))
    missing = (f"the group that coordinates contradicts itself: {drilled.contradiction}",) if drilled.contradiction else ()
    return outcome, Remarks(missing=missing, real=(_REAL,))


def drill(deployed: DeployedCoordination, kills: Sequence[Change], folder: Path, *, seed: int = 0) -> Drilled:
    """Start the members, write, and kill the leader as often as ``kills`` say.

    Raises:
        NotReadyError: a member does not start.
    """
    from foundation.processes.free_port import LOOPBACK
    from stacks.clusters.embedded.certificates import Authority
    from workloads.consensus.local import LocalGroup

    authority = Authority.make("ca", folder)

    def certificates(name: str) -> Path:
        made = folder / f"certificates-{name}"
        if not made.exists():
            made.mkdir(mode=0o700)
            authority.issue(made, "tls", name, addresses=(LOOPBACK,))
            (made / "ca.crt").write_bytes((folder / "ca.crt").read_bytes())
        return made

    spec = deployed.spec
    with LocalGroup(
        folder, deployed.replicas, cluster=spec.cluster, election_ms=spec.election_ms, reads=spec.reads, certificates=certificates
    ) as group:
        return asyncio.run(_drill(group, kills, certificates("client"), seed, _sync_ms(folder)))


async def _drill(group: LocalGroup, kills: Sequence[Change], certificates: Path, seed: int, sync_ms: float) -> Drilled:
    from simulations.coordination import Machine
    from workloads.consensus.checking import key_value
    from workloads.consensus.checking.linearizability import Outcome, check
    from workloads.consensus.checking.recording import Recorder
    from workloads.consensus.client.store import ConsensusCoordination

    recorder = Recorder(lambda: ConsensusCoordination(group.cluster, group.members, certificates), clients=8, keys=4, seed=seed)
    stop, begun_s = asyncio.Event(), time.monotonic()
    running = asyncio.create_task(recorder.run(stop))
    await _until(lambda: len(recorder.writes) > _WARM_WRITES)
    connect_ms = statistics.median([await _connect_ms(group, certificates) for _ in range(5)])
    machine = Machine.measured(write_ms=statistics.median(_writes_ms(recorder)), sync_ms=sync_ms, connect_ms=connect_ms)
    without = list[float]()
    for fault in kills:
        await asyncio.sleep(max(0.0, begun_s + (fault.start_s or 0.0) - time.monotonic()))
        for _ in range(_KILLS):
            without.append(await _kill_leader(group, recorder, certificates))
    if not kills:
        await asyncio.sleep(_WRITES_S)
    stop.set()
    await running
    verdict = check(recorder.history, key_value.step)
    contradiction = None if verdict.outcome is Outcome.LINEARIZABLE else str(verdict)
    return Drilled(machine, _writes_ms(recorder), tuple(without), len(recorder.history), contradiction)


def _writes_ms(recorder: Recorder) -> tuple[float, ...]:
    return tuple(1_000 * (each.returned - each.called) for each in recorder.history if each.returned is not None and each.action != "get")


async def _connect_ms(group: LocalGroup, certificates: Path) -> float:
    """Return how long a new client takes to its first answer."""
    from workloads.consensus.client.store import ConsensusCoordination

    begun_s = time.monotonic()
    async with ConsensusCoordination(group.cluster, group.members, certificates) as store:
        await store.get("drill/connect")
    return 1_000 * (time.monotonic() - begun_s)


async def _kill_leader(group: LocalGroup, recorder: Recorder, certificates: Path) -> float:
    """Kill whoever leads; return the time to the next acknowledged write in milliseconds, and start the member again."""
    from workloads.consensus.client.operator import Operator

    async with Operator(group.cluster, group.members, str(certificates)) as operator:
        leader = (await operator.leader())["member"]
    killed_s = time.monotonic()
    await asyncio.to_thread(group.kill, leader)
    await _until(lambda: recorder.writes[-1] > killed_s + _IN_FLIGHT_S)
    times = [each for each in recorder.writes if each > killed_s - 1.0]
    gaps = [(after - before, after) for before, after in itertools.pairwise(times) if after > killed_s]
    _, again_s = max(gaps)
    await asyncio.sleep(_DOWN_S)
    await asyncio.to_thread(group.start, leader)
    await asyncio.sleep(_PAUSE_S)
    return 1_000 * (again_s - killed_s)


#: Answers that the leader had sent before it was killed arrive within this time.
_IN_FLIGHT_S: Final = 0.1


async def _until(holds: Callable[[], bool]) -> None:
    until_s = time.monotonic() + _RECOVERY_LIMIT_S
    while not holds():
        if time.monotonic() > until_s:
            raise NotReadyError(f"acknowledged no write for {_RECOVERY_LIMIT_S:g} s")
        await asyncio.sleep(0.01)


def outcome_of(predicted: Sequence[float], drilled: Drilled, kills: Sequence[Change]) -> JobOutcome:
    """Return the figures of a drill; without a kill only the times of writes."""
    from simulations.statistics import interval

    figures = []
    if kills:
        seen = interval(drilled.without_writes_ms)
        figures.append(
            JobFigure(
                "no_writes_ms_during_faults",
                "without writes after its leader was killed, mean",
                "ms",
                statistics.fmean(predicted),
                seen.mean,
                seen.n,
                max(0.0, seen.low),
                seen.high,
            )
        )
    p95 = statistics.quantiles(drilled.write_ms, n=20)[-1] if len(drilled.write_ms) > 1 else None
    figures.append(JobFigure("p95_coordination_write_ms", "p95 of a write", "ms", None, p95, len(drilled.write_ms)))
    checked = f"{drilled.operations:,} operations were checked: one copy could {'not ' * bool(drilled.contradiction)}have answered them."
    said = [f"`{fault}`: the leader was killed {_KILLS} times, and started again {_DOWN_S:g} s after writes went on." for fault in kills]
    return JobOutcome(KIND, "the group that coordinates", tuple(figures), (*said, checked))


def _summary(outcome: JobOutcome, drilled: Drilled) -> str:
    first = outcome.figures[0]
    if first.predicted is None:
        return f"p95 of {first.n} writes {first.measured or 0.0:.1f} ms"
    said = f"{first.measured:.0f} ms without writes (n={first.n}), predicted {first.predicted:.0f} ms"
    return f"{said}; {drilled.operations:,} operations checked"


def _sync_ms(folder: Path) -> float:
    """Return the median time of an fsync of a few kilobytes in place."""
    path, times = folder / "probe", []
    path.write_bytes(bytes(1 << 16))
    file = os.open(path, os.O_WRONLY)
    try:
        for _ in range(31):
            os.pwrite(file, bytes(4096), 0)
            begun_s = time.perf_counter()
            os.fdatasync(file)
            times.append(time.perf_counter() - begun_s)
    finally:
        os.close(file)
        path.unlink()
    return max(0.01, 1_000 * statistics.median(times))
