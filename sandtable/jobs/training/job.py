"""The training jobs of the live graph that run a program of this project.

Rule 1: a program gets the arguments that stand in the graph; only the folder of its checkpoints is one of this machine.
Rule 2: ``training=kill@…`` kills the process without notice and starts it again at once; it goes on from its last checkpoint. The time is
predicted from a probe of a twentieth of the steps, made just before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from foundation.measures import JobFigure, JobOutcome
from sandtable.errors import UsageError
from sandtable.jobs.remarks import NO_REMARKS, Remarks
from sandtable.jobs.stack.tools import ensure_environment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from foundation.formats.changes import Change
    from sandtable.jobs.engines.trial import Setting
    from stacks.graph import Graph

_FAULT: Final = "training"
_PROBED_SHARE: Final = 20
_LEAST_PROBE: Final = 2_048
_ENVIRONMENT: Final = "training"
_PROGRAMS: Final = ("reinforcement", "compression")


def training_job(graph: Graph, faults: Sequence[Change], setting: Setting) -> tuple[JobOutcome | None, Remarks]:
    """Run the first training job with a program of ours; without one there is nothing to do.

    Returns:
        The outcome, None where nothing ran, and what is to be said about it.
    """
    from toolchain import ToolchainError

    jobs = [
        (resource.object_name, container["name"], [str(each) for each in container.get("args", ())])
        for resource in graph.objects("Job")
        for container in resource.containers()
        if container.get("name") in _PROGRAMS and "/sandtable/" in str(container.get("image"))
    ]
    if not jobs:
        return None, NO_REMARKS
    name, program, args = jobs[0]
    kills = [fault.start_s or 0.0 for fault in faults if fault.kind == _FAULT]
    try:
        python = ensure_environment(_ENVIRONMENT, setting.steps)
        outcome = (
            _reinforcement(name, args, kills, python, setting) if program == "reinforcement" else _compression(name, args, python, setting)
        )
    except (ToolchainError, UsageError) as error:
        return None, Remarks(missing=(f"training job {name} did not run: {error}",))
    others = tuple(f"training job {other} was not run: a rehearsal runs the first of them" for other, *_ in jobs[1:])
    return outcome, Remarks(notes=others, real=(f"Training: job {name} ran as a process with the arguments of its Job.",))


def _reinforcement(name: str, args: Sequence[str], kills: Sequence[float], python: Path, setting: Setting) -> JobOutcome:
    from sandtable.jobs.training.predicting import predict
    from sandtable.jobs.training.running import run
    from workloads.reinforcement.spec import ReinforcementSpec

    spec, module = ReinforcementSpec.from_args(args), "workloads.reinforcement"
    probe_spec = replace(spec, steps=min(spec.steps, max(_LEAST_PROBE, spec.steps // _PROBED_SHARE)), seeds=1)
    with setting.steps.step("training") as step:
        folder, probe_folder = setting.folder / "training", setting.folder / "training-probe"
        folder.mkdir()
        probe_folder.mkdir()
        probe = run(module, replace(probe_spec, out=str(probe_folder)).to_args(), probe_folder, python)
        predicted = predict(probe, probe_spec.steps, spec.steps, kills, seeds=spec.seeds)
        expected = predicted.wall_s
        seen = run(
            module, replace(spec, out=str(folder)).to_args(), folder, python, kills=kills,
            on_wait=lambda now: step.update(min(int(now), int(expected)), int(expected), "s"),
        )  # fmt: skip
        step.note(f"{spec.algorithm} in {spec.environment}: {seen.report['median']:.4g}, {seen.wall_s:.1f} s, predicted {expected:.1f} s")
    overhead = 1 - seen.report["work_s"] / seen.wall_s
    seeds = len(seen.report["scores"])
    figures = (
        JobFigure("rl_reward", f"reward of {spec.algorithm} in {spec.environment}", "", None, seen.report["median"], seeds),
        JobFigure("training_s", "time of the training job", "s", predicted.wall_s, seen.wall_s, 1),
        JobFigure("job_overhead_share", "time without lasting work", "share", predicted.overhead_share, overhead, 1),
    )
    note = f"job {name}: {spec.steps * spec.seeds:,} steps, killed {seen.kills} times; predicted from a probe of {probe_spec.steps:,} steps"
    return JobOutcome("training", "training", figures, (note,))


def _compression(name: str, args: Sequence[str], python: Path, setting: Setting) -> JobOutcome:
    from sandtable.jobs.training.running import run
    from workloads.compression.spec import CompressionSpec

    spec = CompressionSpec.from_args(args)
    with setting.steps.step("training") as step:
        folder = setting.folder / "training"
        folder.mkdir()
        seen = run("workloads.compression", replace(spec, out=str(folder)).to_args(), folder, python)
        last = seen.report["stages"][-1]
        step.note(f"{last['stage']}: {last['ratio']:.2f} times smaller, {last['loss']:+.1%} bits per byte")
    figures = (
        JobFigure("compression_ratio", f"ratio after {last['stage']}", "", None, last["ratio"], 1),
        JobFigure("compression_loss", "more bits per byte of unseen text", "share", None, last["loss"], 1),
    )
    return JobOutcome("training", "training", figures, (f"job {name} took {seen.wall_s:.0f} s",))
