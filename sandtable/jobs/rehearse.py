"""The rehearsal: from an environment to a verdict, step by step. :func:`_take_steps` is the order, and each step is a job.

Rules:
1. What needs only the environment comes first: graph, policies, cost and, from published coefficients, the prediction. Only then
   are tools built. If a policy denies, nothing is built or created.
2. Each step says what it did and how long it took. A step that cannot run says what is missing, and the verdict takes that into account.
3. Everything started is stopped, however the rehearsal ends; the run's folder keeps the logs of the engines.
"""

from __future__ import annotations

import shlex
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sandtable.errors import UsageError
from sandtable.jobs.asked_faults import asked_faults
from sandtable.jobs.baseline import Baseline, load_digest
from sandtable.jobs.coordination import coordination_job
from sandtable.jobs.engines.tiny_model import ensure_tiny_model
from sandtable.jobs.engines.trial import Setting, predict_and_measure, predict_published, without_gpus
from sandtable.jobs.federation import federation_job
from sandtable.jobs.gateway.predicting import gateway_of
from sandtable.jobs.judge import Found, judge_all
from sandtable.jobs.remarks import Remarks
from sandtable.jobs.stack import cluster as clusters
from sandtable.jobs.stack.deploy import land
from sandtable.jobs.stack.first_answer import first_answer
from sandtable.jobs.stack.tools import ensure_or_skip, needed_for
from sandtable.jobs.training import training_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from foundation.formats.changes import Change
    from policies.verdict import Verdict
    from sandtable.jobs.engines.in_pods import StackInPods
    from sandtable.jobs.engines.trial import Trial
    from sandtable.jobs.stack.deploy import Landed
    from sandtable.jobs.stack.first_answer import FirstAnswer
    from sandtable.terminal import Steps
    from sandtable.workspace import Workspace
    from simulations.deployed import DeployedEngines
    from simulations.gateway import DeployedGateway
    from stacks.environment import Environment
    from stacks.graph import Graph
    from stacks.pricing.prices import PriceBook
    from stacks.traffic import PlannedRequest


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a rehearsal. ``confirmed``: do not ask before a user's cluster is changed; ``faults``: beside the environment's own."""

    keep_cluster: bool = False
    skip_bad_rows: bool = False
    confirmed: bool = False
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A finished rehearsal, its start ``started_at`` (ISO 8601), and the ``command`` that repeats it.

    ``folder`` is the run's; ``as_baseline`` is the measurement in the form of a baseline for later rehearsals.
    """

    folder: Path
    started_at: str
    command: str
    found: Found
    verdict: Verdict
    as_baseline: Baseline | None


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is known before the first step: the environment, its prices, the load, the faults, and the baseline that was kept."""

    environment: Environment
    book: PriceBook
    requests: tuple[PlannedRequest, ...]
    faults: tuple[Change, ...]
    kept: Baseline | None
    notes: tuple[str, ...]


def rehearse(name: str, space: Workspace, options: Options, steps: Steps) -> Rehearsed:
    """Rehearse the environment called ``name``.

    Raises:
        StackError, ToolchainError, SimulationError, LoadTestError, EngineError: what cannot be done and how to fix it.
        UsageError: the folder of the run cannot be made, or another rehearsal of the environment is running.
        click.Abort: the user said no.
    """
    from stacks.environment.file import load
    from stacks.pricing.prices import PriceBook

    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    environment = load(name, root=space.root)
    book = PriceBook.named(environment.budget.price_book, root=space.root)
    # Created first, so that a full or read-only disk is reported now and not after minutes of work.
    folder = space.new_run(environment.name)
    try:
        with _only_one(environment.name, space):
            plan = _plan(environment, book, space, options, steps.say)
            found = _take_steps(plan, folder, space, options, steps)
    except BaseException:
        with suppress(OSError):
            folder.rmdir()  # remove the folder again if the run ended before it held anything
        raise
    found, measured = _held_against_baseline(found, plan, steps.say)
    return Rehearsed(folder, started_at, command_for(name, space, options), found, judge_all(found), measured)


def _take_steps(plan: _Plan, folder: Path, space: Workspace, options: Options, steps: Steps) -> Found:
    environment, setting = plan.environment, Setting(plan.environment, plan.requests, space, folder, steps, plan.faults)
    first = first_answer(environment, plan.book, steps)
    known = Found(environment, plan.requests, first, faults=plan.faults, remarks=Remarks(notes=plan.notes))
    if first.denied:
        return known.with_remarks(Remarks(missing=("nothing was created because a policy denies",)))
    engines, gateway = _engines(first.graph), gateway_of(first.graph, environment)
    at_once = _predict_at_once(engines, setting, gateway)
    steps.say(_what_comes(engines, at_once, plan.requests))
    if lacking := ensure_or_skip(needed_for(environment), steps, _graph_mode):
        known = known.with_remarks(Remarks(missing=(f"graph mode: nothing was deployed: {lacking}",)))
        return known.with_trial(at_once or predict_and_measure(engines, setting, gateway))
    if not at_once:
        ensure_tiny_model(engines.spec.model, steps)
    with _deployed(environment, first, space, options, steps) as landed:
        known = replace(known, landed=landed).with_remarks(landed.remarks)
        live, live_gateway = _engines(landed.live), gateway_of(landed.live, environment)
        setting = replace(setting, pods=_pods(environment, space))
        if at_once and live != engines:  # the cluster differs from the program
            at_once = _predict_at_once(live, setting, live_gateway)
        known = known.with_trial(at_once or predict_and_measure(live, setting, live_gateway))
        known = known.with_job(*federation_job(landed.live, plan.faults, setting))
        known = known.with_job(*training_job(landed.live, plan.faults, setting))
        return known.with_job(*coordination_job(landed.live, plan.faults, setting))


def _plan(environment: Environment, book: PriceBook, space: Workspace, options: Options, say: Callable[[str], None]) -> _Plan:
    """Plan load and faults and read the baseline before anything is started, so that a mistake is reported at once."""
    from stacks.traffic import plan

    faults = asked_faults(environment, options.faults)
    notes = list[str]()
    requests = plan(environment.traffic, root=space.root, skip_bad_rows=options.skip_bad_rows, on_note=notes.append)
    kept = Baseline.read(space.baseline(environment.name))
    for note in notes:
        say(note)
    return _Plan(environment, book, tuple(requests), faults, kept, tuple(notes))


def _engines(graph: Graph) -> DeployedEngines:
    from simulations.deployed import DeployedEngines

    return DeployedEngines.from_graph(graph)


def _predict_at_once(engines: DeployedEngines, setting: Setting, gateway: DeployedGateway | None) -> Trial | None:
    """Predict engines with published speeds; None if the speed must be measured first."""
    gpu_model = engines.runs_on()
    return predict_published(engines, gpu_model, setting, gateway) if gpu_model else None


def _pods(environment: Environment, space: Workspace) -> StackInPods | None:
    """Return the stack's own pods, if its cluster runs them here; None if they are simulated, or elsewhere."""
    from sandtable.jobs.engines.in_pods import StackInPods
    from stacks.clusters import open_cluster
    from stacks.clusters.node import NodeCluster
    from stacks.deployment import Deployment

    cluster = open_cluster(environment, space.root)
    if not isinstance(cluster, NodeCluster):
        return None
    return StackInPods(cluster, Deployment(environment, cluster=cluster, root=space.root).secret("gateway_token"))


def _what_comes(engines: DeployedEngines, at_once: Trial | None, requests: tuple[PlannedRequest, ...]) -> str:
    """Say what comes next, after the first answers."""
    if at_once:
        return f"next: deploy the stack; nothing is measured, because {without_gpus(str(engines.runs_on()))}"
    replicas, lasts_s = len(engines.replicas), requests[-1].at_s if requests else 0.0
    return (
        f"next: deploy the stack, measure the speed of {replicas} engine{'s' * (replicas != 1)}, predict and send {len(requests)} requests"
        f" in about {lasts_s:.0f} s; the measurement decides the thresholds"
    )


def _graph_mode(reason: str) -> str:
    return f"graph mode: no cluster, nothing is deployed ({reason})"


@contextmanager
def _deployed(environment: Environment, first: FirstAnswer, space: Workspace, options: Options, steps: Steps) -> Iterator[Landed]:
    """Deploy; stop the embedded cluster afterwards, unless it was running before or is to be kept."""
    from stacks.clusters import open_cluster

    cluster = open_cluster(environment, space.root)
    clusters.agree(environment, cluster, confirmed=options.confirmed)
    with clusters.stopped_afterwards(cluster, steps, keep=options.keep_cluster):
        clusters.start(cluster, steps)
        yield land(environment, first.graph, cluster, space, steps)


def _held_against_baseline(found: Found, plan: _Plan, say: Callable[[str], None]) -> tuple[Found, Baseline | None]:
    """Add the kept baseline if it has the same load; also return the measurement as a baseline for later rehearsals."""
    if (measurement := found.trial.measurement) is None:
        return found, None
    engines = _engines(found.running)
    arguments = [argument for argument in engines.spec.to_args() if not argument.startswith("--port=")]
    measured = Baseline(measurement.outcome, load_digest(plan.requests), f"{len(engines.replicas)} with {' '.join(arguments)}")
    if plan.kept is None:
        return found, measured
    baseline, remark = plan.kept.against(measured)
    if remark:
        say(remark)
    return replace(found, baseline=baseline).with_remarks(Remarks(notes=(remark,) if remark else ())), measured


def with_note(done: Rehearsed, text: str) -> Rehearsed:
    """Return a copy with one more note for the reader."""
    return replace(done, found=done.found.with_remarks(Remarks(notes=(text,))))


def command_for(name: str, space: Workspace, options: Options) -> str:
    """Return the command line that repeats the rehearsal, without options for what is kept and how it is shown."""
    root = ["-C", str(space.root)] if space.root != Path() else []
    return shlex.join(
        [
            "sandtable",
            *root,
            "rehearse",
            name,
            *(["--skip-bad-rows"] if options.skip_bad_rows else []),
            *(f"--fault={one}" for one in options.faults),
        ]
    )


@contextmanager
def _only_one(environment: str, space: Workspace) -> Iterator[None]:
    """Keep other rehearsals of the same environment from stopping the cluster or changing the state meanwhile."""
    from toolchain.cache import Lock

    lock = Lock(space.folder / "locks" / f"rehearse-{environment}.lock")
    if not lock.try_acquire():
        raise UsageError(f"another rehearsal of {environment} is running in {space.folder}; wait for it to end")
    try:
        yield
    finally:
        lock.release()
