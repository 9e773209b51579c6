"""A load test on its own: local engines or the user's own targets, Locust or the open loop."""

from __future__ import annotations

import math
import os
import re
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from sandtable.errors import UsageError
from sandtable.rehearsal.engines import pinned, running, share_cores
from sandtable.terminal import Steps
from sandtable.workspace import Workspace, write_json

if TYPE_CHECKING:
    from loadtests.measurement import Measurement
    from sandtable.terminal.progress.steps import Step
    from stacks.environment import Environment, Traffic
    from stacks.traffic import PlannedRequest

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)\s*(s|m|h)?$")
#: At a rate there are users for this many seconds of it: answers may take that long on average before the rate cannot be met.
_ANSWER_S: Final = 4.0
_SECONDS = {"s": 1, "m": 60, "h": 3600, None: 1}


@dataclass(frozen=True)
class Request:
    """What the command line asks for; None means: as the environment says."""

    rate_per_s: float | None
    duration: str | None
    trace: Path | None
    skip_bad_rows: bool
    open_loop: bool
    users: int | None
    web: bool
    web_port: int
    targets: tuple[str, ...]
    confirmed: bool
    quiet: bool


def measure(name: str, space: Workspace, request: Request) -> dict[str, Any]:
    """Run the load test and return its document; it is kept as the newest of its kind.

    Raises:
        UsageError: options that exclude each other, or a duration that is none.
        StackError, LoadTestError, EngineError: what cannot be done and how to mend it.
    """
    from stacks.environment_file import load
    from stacks.traffic import plan

    if request.open_loop and (request.users or request.web):
        raise UsageError("--open-loop sends at fixed times and has neither users nor a web page: leave out --users and --web")
    environment = load(name, root=space.root)
    traffic = _traffic(environment.traffic, request)
    steps = Steps(quiet=request.quiet)
    # On a trace, a rate stretches the recorded times; elsewhere the traffic already has it.
    stretched = request.rate_per_s if traffic.trace else None
    requests = plan(traffic, root=space.root, skip_bad_rows=request.skip_bad_rows, rate_per_s=stretched, on_note=steps.say)
    with ExitStack() as stack:
        if request.targets:
            _confirm(request)
            targets: list[str] = list(request.targets)
        else:
            targets = _local_engines(environment, space, steps, stack)
        metrics = [threshold.metric for threshold in environment.thresholds]
        with steps.step("load test") as step:
            measurement = _run(request, traffic, requests, targets, metrics=metrics, root=space.root, steps=steps, step=step)
            step.note(f"{measurement.outcome.good} of {measurement.outcome.requests} good")
    document = {"environment": environment.name, "targets": targets, "generator_kind": "open loop" if request.open_loop else "locust"}
    document |= measurement.to_json()
    write_json(space.folder / "loadtests" / f"{environment.name}.json", document)
    return document


def seconds(text: str) -> float:
    """Return ``90``, ``90s``, ``1.5m`` or ``1h`` in seconds.

    Raises:
        UsageError: it is none of these.
    """
    match = _DURATION.match(text.strip())
    if not match or float(match[1]) <= 0:
        raise UsageError(f"--duration {text!r}: a time such as 60s, 5m or 1h is expected")
    return float(match[1]) * _SECONDS[match[2]]


def locust_users(request: Request, rate_per_s: float) -> tuple[int, float]:
    """Return how many users Locust has, and the mean seconds between the starts of one user's questions.

    ``rate_per_s`` is met by both together. Users that were asked for without a rate ask again at once: an interval of 0.
    """
    if request.users and request.rate_per_s is None:
        return request.users, 0.0
    users = request.users or max(1, math.ceil(rate_per_s * _ANSWER_S))
    return users, users / rate_per_s


def _traffic(traffic: Traffic, request: Request) -> Traffic:
    changes: dict[str, Any] = {}
    if request.rate_per_s is not None:
        if not 0 < request.rate_per_s < math.inf:
            raise UsageError(f"--rate {request.rate_per_s}: requests per second, more than 0, are expected")
        changes["rate_per_s"] = request.rate_per_s
    if request.duration is not None:
        changes["duration_s"] = seconds(request.duration)
    if request.trace is not None:
        changes |= {"arrivals": "trace", "trace": str(request.trace.resolve())}
    return traffic.model_copy(update=changes)


def _confirm(request: Request) -> None:
    typer.echo(f"This sends the load to {', '.join(request.targets)}.", err=True)
    if not request.confirmed:
        typer.confirm("Is that yours, and may it be loaded?", abort=True, err=True)


def _local_engines(environment: Environment, space: Workspace, steps: Steps, stack: ExitStack) -> list[str]:
    from simulations.deployed import DeployedEngines
    from stacks.sources import from_program
    from toolchain import cache_dir

    folder = space.folder / "engines" / environment.name
    folder.mkdir(parents=True, exist_ok=True)
    with steps.step("engines") as step:
        deployed = DeployedEngines.from_graph(from_program(environment))
        if gpu_model := deployed.runs_on():
            raise UsageError(
                f"the engines of {environment.name} ask for {gpu_model} GPUs, which this machine does not have; name running ones "
                "with --target"
            )
        cores = share_cores(len(deployed.replicas), deployed.spec.threads, frozenset(os.sched_getaffinity(0)))
        engines = stack.enter_context(running(deployed.spec, cores, folder, cache_dir(), steps.say))
        stack.enter_context(pinned(cores.generator))
        step.note(f"{len(engines)} x llama.cpp with {deployed.spec.slots} slots")
    return [engine.url for engine in engines]


def _run(
    request: Request,
    traffic: Traffic,
    requests: list[PlannedRequest],
    targets: list[str],
    *,
    metrics: list[str],
    root: Path,
    steps: Steps,
    step: Step,
) -> Measurement:
    ours = not request.targets
    if request.open_loop:
        from loadtests import open_loop

        def count(done: int, total: int) -> None:
            step.update(done, total, "requests")

        return open_loop.run(requests, targets, seed=traffic.seed, metrics=metrics, engine_options=ours, on_progress=count)
    from loadtests import locust_run

    # A trace that nobody stretches has a rate of its own.
    recorded = len(requests) / traffic.duration_s if traffic.trace and request.rate_per_s is None else None
    users, interval_s = locust_users(request, recorded or traffic.rate_per_s)
    return locust_run.run(
        traffic,
        targets,
        users=users,
        interval_s=interval_s,
        root=root,
        skip_bad_rows=request.skip_bad_rows,
        web=request.web,
        web_port=request.web_port,
        metrics=metrics,
        engine_options=ours,
        on_page=lambda url: steps.say(f"Locust's page is at {url}; Ctrl-C ends it"),
        on_progress=lambda elapsed, total: step.update(round(elapsed), round(total), "seconds"),
    )
