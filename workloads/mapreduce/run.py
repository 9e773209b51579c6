"""A job on this machine: one coordinator here, workers as processes."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foundation.processes.child import Child
from foundation.processes.python import python_environment
from workloads.mapreduce.coordinator import MOST_FAILURES, Coordinator
from workloads.mapreduce.errors import TaskFailedError
from workloads.mapreduce.plan_file import plan_for
from workloads.mapreduce.service import Service
from workloads.mapreduce.splits import SPLIT_BYTES

SECRET_VARIABLE: Final = "MAPREDUCE_SECRET"  # noqa: S105  # the name of a variable
_POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Finished:
    """``outputs`` in order of their partition; ``reissued`` tasks were given to a second worker; ``resumed`` were done before."""

    outputs: tuple[Path, ...]
    maps: int
    seconds: float
    reissued: int
    resumed: int


def run_job(
    job: str,
    inputs: Sequence[Path],
    folder: Path,
    *,
    workers: int = 2,
    partitions: int = 2,
    split_bytes: int = SPLIT_BYTES,
    on_progress: Callable[[str, int, int], None] = lambda _phase, _done, _all: None,
) -> Finished:
    """Run ``job`` over ``inputs`` into ``folder``, from where an earlier run of the same job was interrupted.

    Args:
        job: its name.
        inputs: files, read as lines.
        folder: new, or that of an interrupted run.
        workers: processes.
        partitions: reduce tasks, and files of the output.
        split_bytes: length of the input of a map task.
        on_progress: gets phase, tasks done and all tasks, about five times a second.

    Raises:
        UnknownJobError, InputError, OtherJobError: see ``plan_file``.
        TaskFailedError: a task failed too often; what is done stays, and the next run goes on from there.
    """
    began = time.monotonic()
    plan, done = plan_for(job, inputs, folder, partitions=partitions, split_bytes=split_bytes)
    coordinator = Coordinator(len(plan.splits), partitions, done)
    secret = secrets.token_hex(16)
    service = Service(coordinator, secret)
    with service.serving(), ExitStack() as stack:

        def start(number: int) -> Child:
            command = [sys.executable, "-m", "workloads.mapreduce", "worker", f"--port={service.port}", f"--folder={folder}"]
            environment = {**python_environment(), SECRET_VARIABLE: secret}
            return stack.enter_context(Child(command, env=environment, log=folder / f".worker-{number}.log"))

        children = [] if coordinator.finished else [start(number) for number in range(workers)]
        while not coordinator.finished:
            service.changed.wait(_POLL_S)
            service.changed.clear()
            for phase in ("map", "reduce"):
                on_progress(phase, *coordinator.counts(phase))
            if failed := coordinator.failed:
                task, error = failed
                raise TaskFailedError(f"{task.phase} task {task.number} failed {MOST_FAILURES} times; the last time: {error}")
            # A worker that has ended before its time is replaced; its task counts a failure, so this cannot go on for ever.
            children = [child if child.alive() or coordinator.finished else start(number) for number, child in enumerate(children)]
    _clear(folder)
    outputs = tuple(folder / f"part-{number:05d}" for number in range(partitions))
    return Finished(outputs, len(plan.splits), time.monotonic() - began, coordinator.reissued, len(done))


def _clear(folder: Path) -> None:
    """Remove what only the job itself needed; the plan stays, and says whose output this is."""
    for pattern in ("map-*", ".map-*", ".worker-*", ".part-*"):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)
