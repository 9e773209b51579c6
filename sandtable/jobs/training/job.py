"""The training jobs of the live graph that run a program of this project.

Rule 1: a program gets the arguments that stand in the graph; only the folder of its checkpoints is one of this machine, and nobody scrapes
it here.
Rule 2: the first job of each program runs, one after the other: side by side they would take the CPU from each other.
Rule 3: ``training=kill@…`` kills a process without notice, ``training=evict@…`` sends SIGTERM and waits for the grace period of its pod.
The time counts from the start of each job. Either way it is started again at once and goes on from its last checkpoint.
Rule 4: the time is predicted from a probe of a twentieth of the steps, made just before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from foundation.measures import JobFigure, JobOutcome
from foundation.training import STOPPED
from sandtable.errors import UsageError
from sandtable.jobs.remarks import NO_REMARKS, Remarks
from sandtable.jobs.stack.tools import ensure_environment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from foundation.formats.changes import Change
    from sandtable.jobs.engines.trial import Setting
    from sandtable.jobs.training.predicting import Predicted
    from sandtable.jobs.training.programs import Program
    from sandtable.jobs.training.running import Run
    from sandtable.jobs.training.strikes import Strike
    from stacks.graph import Graph

_ENVIRONMENT: Final = "training"
_GRACE_S: Final = 30.0
"""What Kubernetes gives a pod that says nothing."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A Job of the graph: the container's name tells its program."""

    name: str
    program: str
    args: list[str]
    grace_s: float


@dataclass(frozen=True, slots=True)
class _Trained:
    """A job that has ended: what its probe told, what was predicted from it, and what was seen."""

    name: str
    program: Program
    probe: Run
    predicted: Predicted
    seen: Run

    @property
    def lasting_s(self) -> float:
        """Measured seconds of work whose result is in the outcome."""
        return sum(phase.lasting_s for phase in self.seen.phases)


def training_job(graph: Graph, faults: Sequence[Change], setting: Setting) -> tuple[JobOutcome | None, Remarks]:
    """Run the first training job of each program of ours; without one there is nothing to do.

    Returns:
        The outcome of all of them, None where nothing ran, and what is to be said about it.
    """
    from foundation.processes.arguments import ArgumentsError
    from sandtable.jobs.training.strikes import strikes_of
    from toolchain import ToolchainError

    jobs = _jobs(graph)
    first = {job.program: job for job in reversed(jobs)}
    chosen = [job for job in jobs if first[job.program] is job]
    notes = tuple(f"training job {job.name} was not run: a rehearsal runs the first of each program" for job in jobs if job not in chosen)
    trained, remarks = list[_Trained](), Remarks(notes=notes) if notes else NO_REMARKS
    for job in chosen:
        try:
            trained.append(_train(job, ensure_environment(_ENVIRONMENT, setting.steps), setting, strikes_of(faults)))
        except (ArgumentsError, ToolchainError, UsageError) as error:
            remarks += Remarks(missing=(f"training job {job.name} did not run: {error}",))
    if not trained:
        return None, remarks
    real = tuple(f"Training: job {each.name} ran as a process with the arguments of its Job." for each in trained)
    return _outcome(trained), remarks + Remarks(real=real)


def _jobs(graph: Graph) -> list[_Job]:
    from sandtable.jobs.training.programs import PROGRAMS

    return [
        _Job(
            resource.object_name,
            container["name"],
            [str(each) for each in container.get("args", ())],
            float(resource.pod_spec.get("terminationGracePeriodSeconds", _GRACE_S)),
        )
        for resource in graph.objects("Job")
        for container in resource.containers()
        if container.get("name") in PROGRAMS and "/sandtable/" in str(container.get("image"))
    ]


def _train(job: _Job, python: Path, setting: Setting, strikes: Sequence[Strike]) -> _Trained:
    from sandtable.jobs.training.predicting import predict
    from sandtable.jobs.training.programs import PROGRAMS
    from sandtable.jobs.training.running import run

    program = PROGRAMS[job.program](job.args)
    folder, probe_folder = (setting.folder / name / job.name for name in ("training", "training-probe"))
    with setting.steps.step(f"training {job.name}") as step:
        probe = run(program.module, program.probe_args(probe_folder), probe_folder, python)
        predicted = predict(probe.begins_s, program.whole(probe.phases), strikes)
        expected_s = int(predicted.wall_s)

        def on_wait(now: float) -> None:
            step.update(min(int(now), expected_s), expected_s, "s")

        seen = run(program.module, program.args(folder), folder, python, strikes=strikes, grace_s=job.grace_s, on_wait=on_wait)
        step.note(f"{program.says(seen.report)}, {seen.wall_s:.1f} s, predicted {predicted.wall_s:.1f} s")
    return _Trained(job.name, program, probe, predicted, seen)


def _outcome(trained: Sequence[_Trained]) -> JobOutcome:
    predicted_s, measured_s = sum(each.predicted.wall_s for each in trained), sum(each.seen.wall_s for each in trained)
    predicted = 1 - sum(each.predicted.lasting_s for each in trained) / predicted_s
    measured = 1 - sum(each.lasting_s for each in trained) / measured_s
    n = len(trained)
    figures = (
        *(figure for each in trained for figure in each.program.figures(each.probe.report, each.seen.report)),
        JobFigure("training_s", "time of the training jobs", "s", predicted_s, measured_s, n),
        JobFigure("job_overhead_share", "time without lasting work", "share", predicted, measured, n),
    )
    return JobOutcome("training", "training", figures, tuple(map(_note, trained)))


def _note(each: _Trained) -> str:
    steps, probed = (sum(phase.steps for phase in phases) for phases in (each.seen.phases, each.probe.phases))
    times = f"{each.predicted.wall_s:.1f} s predicted, {each.seen.wall_s:.1f} s measured"
    return f"job {each.name}: {steps:,} steps, {_struck(each.seen.struck)}; {times}, from a probe of {probed:,} steps"


def _struck(codes: Sequence[int]) -> str:
    """Say how often the process was struck, and how often it kept all it had done."""
    if not codes:
        return "never struck"
    kept = sum(code == STOPPED for code in codes)
    return f"struck {len(codes)} times, {kept} of them answered with a checkpoint"
