"""The plan of a job in its folder: what a worker reads, and what a coordinator that starts again finds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from foundation.processes.atomic_file import write_text
from workloads.mapreduce.coordinator import Task
from workloads.mapreduce.errors import OtherJobError
from workloads.mapreduce.jobs import job_named
from workloads.mapreduce.splits import Split, splits_of
from workloads.mapreduce.work import Plan, marker

NAME: Final = "job.json"


def plan_for(job: str, inputs: Sequence[Path], folder: Path, *, partitions: int, split_bytes: int) -> tuple[Plan, list[Task]]:
    """Return the plan of a job and the tasks whose output is already in ``folder``; write the plan there if it is new.

    Raises:
        UnknownJobError, InputError: the job or an input is not there.
        OtherJobError: the folder holds the work of another job, or its input has changed since.
    """
    splits = tuple(splits_of(inputs, split_bytes))
    asked = {"job": job, "partitions": partitions, "inputs": [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in inputs]}
    asked["splits"] = [[split.path, split.start, split.end] for split in splits]
    folder.mkdir(parents=True, exist_ok=True)
    known = _read(folder)
    if known is None:
        if any(folder.iterdir()):
            raise OtherJobError(f"{folder}: is not empty, and no job of ours; name a new folder")
        plan = Plan(job, splits, partitions, job_named(job).prepare(splits, partitions))
        write_text(folder / NAME, json.dumps({"asked": asked, "plan": asdict(plan)}))
        return plan, []
    if known["asked"] != asked:
        raise OtherJobError(f"{folder}: holds the work of another job, or its input has changed; name a new folder or remove it")
    tasks = [Task("map", number) for number in range(len(splits))] + [Task("reduce", number) for number in range(partitions)]
    return _plan(known["plan"]), [task for task in tasks if (folder / marker(task)).exists()]


def read_plan(folder: Path) -> Plan:
    """Return the plan in ``folder``. Raises ``OtherJobError`` if there is none."""
    known = _read(folder)
    if known is None:
        raise OtherJobError(f"{folder}: has no {NAME}; a worker works in the folder of a job that runs")
    return _plan(known["plan"])


def _read(folder: Path) -> dict[str, dict[str, object]] | None:
    try:
        found: dict[str, dict[str, object]] = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise OtherJobError(f"{folder / NAME}: is not a plan of ours ({error}); remove the folder") from error
    return found


def _plan(document: dict[str, object]) -> Plan:
    fields = dict(document)
    fields["splits"] = tuple(Split(**split) for split in fields["splits"])  # type: ignore[attr-defined]  # as it was written
    return Plan(**fields)  # type: ignore[arg-type]
