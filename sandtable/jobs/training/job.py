"""The training jobs of the live graph that run a program of this project.

Rule 1: a program gets the arguments that stand in the graph; only the folder of its checkpoints is one of this machine, and nobody scrapes
it here.
Rule 2: ``training=kill@…`` kills the process without notice, ``training=evict@…`` sends SIGTERM and waits for the grace period of its pod.
Either way it is started again at once and goes on from its last checkpoint.
Rule 3: the time is predicted from a probe of a twentieth of the steps, made just before.
"""

from __future__ import annotations

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
    from sandtable.jobs.training.programs import Program
    from sandtable.jobs.training.strikes import Strike
    from stacks.graph import Graph

_ENVIRONMENT: Final = "training"
_GRACE_S: Final = 30.0
"""What Kubernetes gives a pod that says nothing."""


def training_job(graph: Graph, faults: Sequence[Change], setting: Setting) -> tuple[JobOutcome | None, Remarks]:
    """Run the first training job with a program of ours; without one there is nothing to do.

    Returns:
        The outcome, None where nothing ran, and what is to be said about it.
    """
    from foundation.processes.arguments import ArgumentsError
    from sandtable.jobs.training.programs import PROGRAMS
    from sandtable.jobs.training.strikes import strikes_of
    from toolchain import ToolchainError

    jobs = [
        (resource.object_name, container, float(resource.pod_spec.get("terminationGracePeriodSeconds", _GRACE_S)))
        for resource in graph.objects("Job")
        for container in resource.containers()
        if container.get("name") in PROGRAMS and "/sandtable/" in str(container.get("image"))
    ]
    if not jobs:
        return None, NO_REMARKS
    name, container, grace_s = jobs[0]
    try:
        program = PROGRAMS[container["name"]]([str(each) for each in container.get("args", ())])
        python = ensure_environment(_ENVIRONMENT, setting.steps)
        outcome = _outcome(name, program, python, setting, strikes=strikes_of(faults), grace_s=grace_s)
    except (ArgumentsError, ToolchainError, UsageError) as error:
        return None, Remarks(missing=(f"training job {name} did not run: {error}",))
    others = tuple(f"training job {other} was not run: a rehearsal runs the first of them" for other, *_ in jobs[1:])
    return outcome, Remarks(notes=others, real=(f"Training: job {name} ran as a process with the arguments of its Job.",))


def _outcome(name: str, program: Program, python: Path, setting: Setting, *, strikes: Sequence[Strike], grace_s: float) -> JobOutcome:
    from sandtable.jobs.training.predicting import predict
    from sandtable.jobs.training.running import run

    with setting.steps.step("training") as step:
        folder, probe_folder = setting.folder / "training", setting.folder / "training-probe"
        folder.mkdir()
        probe_folder.mkdir()
        probe = run(program.module, program.probe_args(probe_folder), probe_folder, python)
        phases = program.whole(probe.phases)
        predicted = predict(probe.begins_s, phases, strikes)
        expected_s = int(predicted.wall_s)
        seen = run(
            program.module, program.args(folder), folder, python, strikes=strikes, grace_s=grace_s,
            on_wait=lambda now: step.update(min(int(now), expected_s), expected_s, "s"),
        )  # fmt: skip
        step.note(f"{program.says(seen.report)}, {seen.wall_s:.1f} s, predicted {predicted.wall_s:.1f} s")
    overhead = 1 - sum(phase.lasting_s for phase in seen.phases) / seen.wall_s
    figures = (
        *program.figures(probe.report, seen.report),
        JobFigure("training_s", "time of the training job", "s", predicted.wall_s, seen.wall_s, 1),
        JobFigure("job_overhead_share", "time without lasting work", "share", predicted.overhead_share, overhead, 1),
    )
    steps = sum(phase.steps for phase in phases)
    note = f"job {name}: {steps:,} steps, {_struck(seen.struck)}; predicted from a probe of {sum(p.steps for p in probe.phases):,} steps"
    return JobOutcome("training", "training", figures, (note,))


def _struck(codes: Sequence[int]) -> str:
    """Say how often the process was struck, and how often it kept all it had done."""
    if not codes:
        return "never struck"
    kept = sum(code == STOPPED for code in codes)
    return f"struck {len(codes)} times, {kept} of them answered with a checkpoint"
