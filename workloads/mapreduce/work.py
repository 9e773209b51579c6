"""What a worker does for a task: reads, maps, shuffles and reduces files of the job's folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foundation.processes.atomic_file import replacing
from workloads.mapreduce.coordinator import Task
from workloads.mapreduce.jobs import job_named
from workloads.mapreduce.shuffle import KEPT_KEYS, Spill, grouped
from workloads.mapreduce.splits import Split, blocks


@dataclass(frozen=True, slots=True)
class Plan:
    """A job as its tasks know it. ``prepared`` is what the job found in its input before the first task."""

    job: str
    splits: tuple[Split, ...]
    partitions: int
    prepared: Any = None
    kept_keys: int = KEPT_KEYS


def marker(task: Task) -> str:
    """Return the name of the file that says that a task is done."""
    return f"{task.phase}-{task.number}.done" if task.phase == "map" else f"part-{task.number:05d}"


def run_task(plan: Plan, task: Task, folder: Path) -> None:
    """Run a task; its output is there afterwards, whoever else runs it.

    Raises:
        InputError: the input cannot be read.
        OSError: the folder cannot be written.
    """
    (_map if task.phase == "map" else _reduce)(plan, task, folder)


def _map(plan: Plan, task: Task, folder: Path) -> None:
    job, split = job_named(plan.job), plan.splits[task.number]
    spill = Spill(
        folder,
        f"map-{task.number}",
        plan.partitions,
        lambda key: job.partition(key, plan.partitions, plan.prepared),
        job.combine if job.combines else None,
        kept_keys=plan.kept_keys,
    )
    for block in blocks(split):
        if job.combines:
            spill.gather(lambda kept: job.gather(block, split, kept))  # noqa: B023 - called at once
        else:
            spill.add(job.map(block, split))
    spill.commit()
    with replacing(folder / marker(task)) as partial:
        partial.write_bytes(b"")


def _reduce(plan: Plan, task: Task, folder: Path) -> None:
    job = job_named(plan.job)
    runs = [folder / f"map-{number}-{task.number}" for number in range(len(plan.splits))]
    with replacing(folder / marker(task)) as partial, partial.open("wb", buffering=1 << 20) as out:
        for key, values in grouped(runs):
            for line in job.reduce(key, values):
                out.write(line + b"\n")
