"""A load test without a rehearsal: local engines or the user's targets, Locust or the open loop."""

from __future__ import annotations

import math
import re
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from foundation.measures.goodput import goodput
from sandtable.errors import UsageError
from sandtable.jobs.engines.cores import share_cores
from sandtable.jobs.engines.measure import measure
from sandtable.jobs.engines.running import start_engines
from sandtable.jobs.gateway.predicting import gateway_of
from sandtable.jobs.gateway.running import start_gateway
from sandtable.jobs.load_keys import LoadKeys
from sandtable.jobs.sweep import find_knee

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtests.measurement import Measurement
    from sandtable.jobs.gateway.running import RunningGateway
    from sandtable.jobs.sweep import Sweep
    from sandtable.local.engine import EngineProcess
    from sandtable.terminal import Steps
    from sandtable.terminal.progress.steps import Step
    from sandtable.workspace import Workspace
    from stacks.environment import Environment, Traffic
    from stacks.traffic import PlannedRequest

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)\s*(s|m|h)?$")
#: With a rate, there are enough users for answers that take this many seconds on average; with slower ones the rate is not reached.
_ANSWER_S: Final = 4.0
#: Model name in requests without ``--model``; our own engines accept any.
LOCAL_MODEL: Final = "synthetic"
_SECONDS = {"s": 1, "m": 60, "h": 3600, None: 1}


@dataclass(frozen=True)
class Request:
    """The options of the command line; None means the environment's value."""

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
    model: str | None = None
    processes: int = 1
    gateway: bool = False


@dataclass(frozen=True, slots=True)
class LoadTested:
    """A measurement, with the environment whose load was sent and the targets; ``generator_kind`` is ``open loop`` or ``locust``."""

    environment: str
    targets: tuple[str, ...]
    generator_kind: str
    measurement: Measurement


def load_test(name: str, space: Workspace, request: Request, steps: Steps) -> LoadTested:
    """Run the load test described by ``request``.

    Raises:
        UsageError: options that exclude each other, an invalid duration, or a key that no header can carry.
        StackError, LoadTestError, EngineError: what cannot be done and how to fix it.
        click.Abort: the user said no.
    """
    from stacks.environment.file import load
    from stacks.traffic import plan

    _check(request)
    own = LoadKeys.given() if request.targets else LoadKeys()
    environment = load(name, root=space.root)
    traffic = _traffic(environment.traffic, request)
    space.prepare("loadtests")  # report a read-only folder now and not after minutes of work
    notes = list[str]()

    def note(text: str) -> None:
        notes.append(text)
        steps.say(text)

    # For a trace, a rate stretches the recorded times; otherwise the traffic already has it.
    stretched = request.rate_per_s if traffic.trace else None
    requests = plan(traffic, root=space.root, skip_bad_rows=request.skip_bad_rows, rate_per_s=stretched, on_note=note)
    with _served(environment, request, own, space, steps) as (urls, keys, engines):
        load_of = _Load(request, traffic, requests, urls, space.root, keys)
        metrics = [threshold.metric for threshold in environment.thresholds]
        measurement = measure(
            lambda step: load_of.open_loop(metrics, step) if request.open_loop else load_of.locust(metrics, steps, step), engines, steps
        )
    measurement = replace(measurement, notes=(*notes, *measurement.notes))
    kind = "open loop" if request.open_loop else "locust"
    return LoadTested(environment.name, tuple(load_of.targets), kind, measurement)


def sweep_rates(name: str, space: Workspace, request: Request, steps: Steps) -> tuple[Environment, Sweep]:
    """Find the largest rate that keeps the environment's thresholds on a p95, with the open loop; return the environment too.

    Raises:
        UsageError: options that exclude each other, or no threshold on a p95.
        StackError, LoadTestError, EngineError: what cannot be done and how to fix it.
        click.Abort: the user said no.
    """
    from foundation.measures.goodput import Limits, limits_of
    from stacks.environment.file import load
    from stacks.traffic import plan

    _check(replace(request, open_loop=True))
    own = LoadKeys.given() if request.targets else LoadKeys()
    environment = load(name, root=space.root)
    traffic = _traffic(environment.traffic, request)
    limits = limits_of((threshold.metric, threshold.limit) for threshold in environment.thresholds if threshold.symbol in {"<", "<="})
    if limits == Limits():
        raise UsageError(f"--sweep: {name} has no threshold that a request could break; add one such as `p95_ttft_ms < 1500`")
    with _served(environment, request, own, space, steps) as (urls, keys, _engines):

        def send(rate_per_s: float) -> Measurement:
            stretched = rate_per_s if traffic.trace else None
            at_rate = traffic.model_copy(update={"rate_per_s": rate_per_s})
            requests = plan(at_rate, root=space.root, skip_bad_rows=request.skip_bad_rows, rate_per_s=stretched)
            with steps.step(f"{rate_per_s:.3g}/s") as step:
                seen = _Load(request, at_rate, requests, urls, space.root, keys).open_loop([], step)
                step.note(f"{goodput(seen.records, limits):.1%} of {len(requests)} requests as promised")
            return seen

        return environment, find_knee(send, traffic.rate_per_s, limits)


def seconds(text: str) -> float:
    """Return ``90``, ``90s``, ``1.5m`` or ``1h`` in seconds.

    Raises:
        UsageError: it has another form.
    """
    match = _DURATION.match(text.strip())
    if not match or float(match[1]) <= 0:
        raise UsageError(f"--duration {text!r}: expected a duration such as 60s, 5m or 1h")
    return float(match[1]) * _SECONDS[match[2]]


def locust_users(request: Request, rate_per_s: float) -> tuple[int, float]:
    """Return the number of Locust users, and the mean seconds between the starts of one user's requests.

    Together they give ``rate_per_s``. Users without a rate send their next request at once: an interval of 0.
    """
    if request.users and request.rate_per_s is None:
        return request.users, 0.0
    users = request.users or max(1, math.ceil(rate_per_s * _ANSWER_S))
    return users, users / rate_per_s


def _check(request: Request) -> None:
    """Check the options alone, before anything is read, asked or started."""
    from foundation.wire import Target

    if request.open_loop and (request.users or request.web or request.processes > 1):
        raise UsageError(
            "--open-loop sends at fixed times from one process and has neither users nor a web page: leave out --users, --web and "
            "--processes"
        )
    if request.trace is not None and request.trace.is_fifo() and not request.open_loop:
        raise UsageError(
            f"--trace {request.trace}: a pipe can be read once, but Locust reads the trace again; save it to a file, or add --open-loop"
        )
    if request.model is not None and not request.targets:
        raise UsageError(f"--model {request.model!r}: local engines serve the model of the environment; name one that runs with --target")
    for url in request.targets:
        Target.parse(url)


def _traffic(traffic: Traffic, request: Request) -> Traffic:
    if request.gateway and not traffic.mix:
        raise UsageError("--gateway: the environment has no `traffic.mix`, which names the wires and routes to ask for")
    changes: dict[str, Any] = {} if request.gateway else {"mix": []}
    if request.rate_per_s is not None:
        if not 0 < request.rate_per_s < math.inf:
            raise UsageError(f"--rate {request.rate_per_s}: expected requests per second, more than 0")
        changes["rate_per_s"] = request.rate_per_s
    if request.duration is not None:
        changes["duration_s"] = seconds(request.duration)
    if request.trace is not None:
        changes |= {"arrivals": "trace", "trace": str(request.trace.absolute())}
    return traffic.model_copy(update=changes)


def _confirm(request: Request) -> None:
    typer.echo(f"This sends the load to {', '.join(request.targets)}.", err=True)
    if not request.confirmed:
        typer.confirm("Is that server yours, and may it be loaded?", abort=True, err=True)


@contextmanager
def _served(
    environment: Environment, request: Request, keys: LoadKeys, space: Workspace, steps: Steps
) -> Iterator[tuple[list[str], LoadKeys, list[EngineProcess]]]:
    """Yield the URLs that take the load, the keys for them, and the engines that were started for it."""
    with ExitStack() as stack:
        if request.targets:
            _confirm(request)
            yield list(request.targets), keys, []
            return
        engines, door = _local_engines(environment, space, steps, stack, through=request.gateway)
        if door:
            yield [door.url], LoadKeys(door.key, door.keys), engines
        else:
            yield [engine.url for engine in engines], keys, engines


def _local_engines(
    environment: Environment, space: Workspace, steps: Steps, stack: ExitStack, *, through: bool
) -> tuple[list[EngineProcess], RunningGateway | None]:
    """Start the engines of ``environment`` and, to go ``through`` it, its gateway."""
    from simulations.deployed import DeployedEngines
    from stacks.graph.sources import from_program

    folder = space.prepare(f"engines/{environment.name}")
    graph = from_program(environment)
    deployed = DeployedEngines.from_graph(graph)
    if gpu_model := deployed.runs_on():
        raise UsageError(
            f"the engines of {environment.name} request {gpu_model} GPUs, and only CPU engines can be started here; "
            "name running ones with --target"
        )
    cores = share_cores(len(deployed.replicas), deployed.spec.threads)
    engines = stack.enter_context(start_engines(deployed, cores, folder, space, steps))
    gateway = gateway_of(graph, environment) if through else None
    return engines, stack.enter_context(start_gateway(gateway, engines, cores, folder, steps)) if gateway else None


@dataclass(frozen=True)
class _Load:
    """The load and its targets, for either generator."""

    request: Request
    traffic: Traffic
    requests: list[PlannedRequest]
    targets: list[str]
    root: Path
    keys: LoadKeys

    def open_loop(self, metrics: list[str], step: Step) -> Measurement:
        from loadtests import open_loop

        return open_loop.run(
            self.requests,
            self.targets,
            model=self.request.model or LOCAL_MODEL,
            api_key=self.keys.api_key,
            tenant_keys=self.keys.tenant_keys,
            seed=self.traffic.seed,
            horizon_s=self.traffic.horizon_s,
            metrics=metrics,
            engine_options=not self.request.targets,
            on_progress=lambda done, total: step.update(done, total, "requests"),
        )

    def locust(self, metrics: list[str], steps: Steps, step: Step) -> Measurement:
        from loadtests import locust_run

        request, traffic = self.request, self.traffic
        # A trace has its own rate, stretched or not.
        rate_per_s = len(self.requests) / traffic.duration_s if traffic.trace else traffic.rate_per_s
        users, interval_s = locust_users(request, rate_per_s)
        return locust_run.run(
            traffic,
            self.targets,
            users=users,
            interval_s=interval_s,
            trace_rate_per_s=request.rate_per_s if traffic.trace else None,
            processes=request.processes,
            model=request.model or LOCAL_MODEL,
            api_key=self.keys.api_key,
            tenant_keys=self.keys.tenant_keys,
            root=self.root,
            skip_bad_rows=request.skip_bad_rows,
            web=request.web,
            web_port=request.web_port,
            metrics=metrics,
            engine_options=not request.targets,
            on_page=lambda url: steps.say(f"Locust's page is at {url}; stop it with Ctrl-C"),
            on_progress=lambda elapsed, total: step.update(round(elapsed), round(total), "seconds"),
        )
