"""The loop itself: one step after the other, each putting what it found into :class:`Findings`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from foundation.processes.interrupts import held_interrupts
from policies.verdict import Result
from sandtable.deploying import changes, confirm
from sandtable.errors import UsageError
from sandtable.rehearsal.baseline import Baseline, load_digest
from sandtable.rehearsal.engines import Cores, EnginesDoNotFitError, Watch, running, share_cores
from sandtable.rehearsal.findings import Findings
from sandtable.terminal import Steps, out, show_rehearsal
from sandtable.toolchain_progress import ensure_or_skip, needed_for
from sandtable.workspace import Workspace
from stacks.errors import StackError

if TYPE_CHECKING:
    from foundation.measures import Outcome
    from sandtable.document.rehearsal import Rehearsal
    from simulations.calibration import Calibration
    from simulations.calibration.yardstick import Yardstick
    from simulations.deployed import DeployedEngines
    from stacks.clusters.port import Cluster
    from stacks.environment import Environment
    from stacks.graph import Graph
    from stacks.pricing.prices import PriceBook
    from workloads.engine.process import EngineProcess


#: What is real about a cluster, by its provider.
_CONTROL_PLANE: Final = {
    "embedded": "The control plane that took every object: etcd, kube-apiserver, scheduler and controllers.",
    "kubeconfig": "The cluster: the one behind the context that you named.",
}


@dataclass(frozen=True)
class Options:
    """How to rehearse. ``confirmed``: do not ask before somebody's cluster is changed. ``quiet``: print nothing."""

    keep_baseline: bool = False
    keep_cluster: bool = False
    skip_bad_rows: bool = False
    confirmed: bool = False
    quiet: bool = False


def rehearse(name: str, space: Workspace, options: Options) -> Rehearsal:
    """Rehearse the environment called ``name`` and return the document of the rehearsal.

    Raises:
        StackError, ToolchainError, SimulationError, LoadTestError, EngineError: what cannot be done and how to mend it.
    """
    from sandtable.document.reading import Run
    from sandtable.report import write_reports
    from stacks.environment.file import load
    from stacks.pricing.prices import PriceBook

    environment = load(name, root=space.root)
    book = PriceBook.named(environment.budget.price_book, root=space.root)
    # Made before anything starts, so that a full or read-only disk is told now and not after minutes of work.
    folder = space.new_run(environment.name)
    loop = _Loop(environment, space, options, book, folder, command=command_for(name, space, options))
    try:
        with _only_one(environment.name, space):
            loop.plan()
            loop.run()
    except BaseException:
        with suppress(OSError):
            folder.rmdir()  # what ended before an engine wrote its log leaves nothing behind
        raise
    ships = loop.found.verdict().result is Result.SHIP
    if options.keep_baseline and not ships:
        loop.note("not kept as the baseline: only a rehearsal that ships is")
    document = loop.found.document(loop.steps.timings())
    run = Run(folder.name, document, loop.found.samples(), loop.found.deployed or loop.graph)
    run.write(folder)
    files = write_reports(run, folder)
    if options.keep_baseline and ships and loop.measured:
        loop.measured.write(space.baseline(environment.name))
    if not options.quiet:
        show_rehearsal(document, out(), report=files.html, graph=run.graph)
    return document


def command_for(name: str, space: Workspace, options: Options) -> str:
    """Return what to type for the same rehearsal; what it leaves behind and how it is shown is left out."""
    root = ["-C", str(space.root)] if space.root != Path() else []
    return shlex.join(["sandtable", *root, "rehearse", name, *(["--skip-bad-rows"] if options.skip_bad_rows else [])])


class _Loop:
    def __init__(
        self, environment: Environment, space: Workspace, options: Options, book: PriceBook, folder: Path, *, command: str
    ) -> None:
        self.environment, self.space, self.options, self.book, self.folder = environment, space, options, book, folder
        self.steps = Steps(quiet=options.quiet)
        self.live: Graph | None = None
        self.kept: Baseline | None = None
        self.measured: Baseline | None = None
        self.found = Findings(environment, started_at=datetime.now(UTC).isoformat(timespec="seconds"), command=command)

    @property
    def graph(self) -> Graph:
        assert self.found.graph is not None, "the first step makes it"
        return self.found.graph

    def note(self, text: str) -> None:
        """Say what a reader of the results must know, now and in the document."""
        self.found.notes.append(text)
        self.steps.say(text)

    def plan(self) -> None:
        """Draw up the load and read the baseline before anything is started, so that an unreadable file is told at once."""
        from stacks.traffic import plan

        notes = self.found.notes  # said after the first step: that line tells what this rehearsal can be
        self.requests = plan(self.environment.traffic, root=self.space.root, skip_bad_rows=self.options.skip_bad_rows, on_note=notes.append)
        self.found.planned = self.requests
        self.kept = Baseline.read(self.space.baseline(self.environment.name))

    def run(self) -> None:
        """Take the steps in order."""
        # First, because what cannot be had decides what this rehearsal can be, and a reader must know that before anything else.
        tools = self._get_tools()
        for note in self.found.notes:
            self.steps.say(note)
        self._read_graph()
        if any(finding.denies for finding in self.found.policies):
            self.found.missing.append("nothing was created, because a policy denies")
            return
        if tools:
            with self._deployed():
                self._predict_and_measure()
        else:
            self._predict_and_measure()

    def _get_tools(self) -> bool:
        """Tell whether all tools are there; without them the graph alone is rehearsed, and the verdict can be at most inconclusive."""
        lacking = ensure_or_skip(
            needed_for(self.environment), self.steps, lambda reason: f"graph mode: no cluster and nothing is deployed ({reason})"
        )
        if lacking:
            self.found.missing.append(f"graph mode: nothing was deployed: {lacking}")
        return lacking is None

    def _read_graph(self) -> None:
        import policies
        from stacks.graph.sources import from_program
        from stacks.pricing.costs import monthly_cost

        with self.steps.step("graph") as step:
            self.found.graph = from_program(self.environment)
            step.note(f"{len(self.graph)} resources, {self.graph.digest[:19]}")
        with self.steps.step("policies") as step:
            self.found.policies = policies.check(self.graph, self.environment, self.book)
            step.note(policies.counted(self.found.policies))
        with self.steps.step("cost") as step:
            self.found.cost = monthly_cost(self.graph, self.book, budget_usd=self.environment.budget.monthly_usd)
            least = "at least " if self.found.cost.unpriced else ""
            step.note(f"{least}{self.found.cost.monthly_usd:,.2f} USD a month")

    @contextmanager
    def _deployed(self) -> Iterator[None]:
        """Deploy, and stop the embedded cluster afterwards, unless it ran before."""
        from stacks.clusters import open_cluster

        embedded = self.environment.cluster.provider == "embedded"
        cluster = open_cluster(self.environment, self.space.root)
        if not embedded and not self.options.confirmed:
            confirm(cluster)
        running_before = cluster.status().running
        with ExitStack() as stack:
            if embedded and not running_before and not self.options.keep_cluster:
                stack.callback(self._stop, cluster)
            self._deploy(cluster)
            yield

    def _deploy(self, cluster: Cluster) -> None:
        from stacks.deployment import Deployment
        from stacks.graph import compare
        from stacks.graph.sources.live import from_cluster

        with self.steps.step("cluster") as step:
            cluster.start()
            status = cluster.status()
            step.note(status.note or str(status.server))
            self.found.real.append(_CONTROL_PLANE[status.provider])
            if status.nodes_are_played:
                self.found.simulated.append("Nodes and pods on the embedded cluster are played by KWOK; the control plane is real.")
        with self.steps.step("deploy") as step:
            deployment = Deployment(
                self.environment,
                cluster=cluster,
                root=self.space.root,
                on_event=lambda event: step.update(event.done, event.total, event.label),
            )
            step.note(changes(deployment.up().changes))
        with self.steps.step("live graph") as step:
            self.found.deployed = deployment.graph()
            self.live = from_cluster(cluster, self.environment.name)
            difference = compare(self.graph, self.found.deployed)
            self.found.differences = (
                *(f"added: {label}" for label in difference.added),
                *(f"missing: {label}" for label in difference.removed),
                *(f"changed: {label}: {', '.join(paths)}" for label, paths in difference.changed.items()),
            )
            step.note("as the program says" if not difference else f"{len(self.found.differences)} differences to the program")

    def _predict_and_measure(self) -> None:
        from simulations.deployed import DeployedEngines

        engines = DeployedEngines.from_graph(self.graph if self.live is None else self.live)
        if gpu_model := engines.runs_on():
            self._predict_from_published(engines, gpu_model)
            return
        try:
            cores = share_cores(len(engines.replicas), engines.spec.threads, frozenset(os.sched_getaffinity(0)))
        except EnginesDoNotFitError as error:
            self.steps.skip("load test", str(error))
            self.found.missing.append(f"nothing was measured: {error}")
            return
        self._measure(engines, cores)

    def _predict_from_published(self, engines: DeployedEngines, gpu_model: str) -> None:
        """Engines on GPUs that are not here: the twin runs on published coefficients, and nothing is measured."""
        from simulations import calibration

        published = calibration.published(gpu_model)
        self._predict(engines, published)
        reason = f"the engines ask for {gpu_model} GPUs, and only engines on processors are started here"
        self.steps.skip("load test", reason)
        self.found.missing.append(f"nothing was measured: {reason}; the prediction stands on published coefficients")
        self.found.simulated.append(published.origin())

    def _predict(self, engines: DeployedEngines, calibration: Calibration) -> None:
        with self.steps.step("predict") as step:
            outcome = self._simulate(engines, calibration)
            middle = f"p50 of ttft {outcome.ttft_ms.p50:.0f} ms, e2e {outcome.e2e_ms.p50:.0f} ms"
            replicas = len(engines.replicas)
            step.note(f"{len(self.requests)} requests on {replicas} engine{'s' * (replicas != 1)}: {middle}")

    def _simulate(self, engines: DeployedEngines, calibration: Calibration) -> Outcome:
        from simulations.twin import Twin

        self.found.calibration = calibration
        self.found.prediction = Twin.of(engines, calibration).run(self.requests, seed=self.environment.traffic.seed)
        return self.found.prediction.outcome

    def _measure(self, deployed: DeployedEngines, cores: Cores) -> None:
        from simulations import calibration
        from simulations.calibration.yardstick import Yardstick
        from simulations.errors import CalibrationError
        from toolchain import cache_dir

        with ExitStack() as stack:
            with self.steps.step("engines") as step:
                started = running(deployed.spec, cores, self.folder, cache_dir(), root=self.space.root, on_wait=self.steps.say)
                engines = stack.enter_context(started)
                step.note(f"{len(engines)} x llama.cpp with {deployed.spec.slots} slots of {deployed.spec.context_tokens} tokens each")
            self.found.real.append(f"The engines: {len(engines)} x llama.cpp on the CPU of this machine, started as the Deployment says.")
            if deployed.spec.model == "synthetic":
                self.found.simulated.append("The model has random weights: its speed is real, its answers mean nothing.")
            yardstick = stack.enter_context(Yardstick(cores.engines[0]))
            with self.steps.step("calibrate") as step:
                try:
                    measured = calibration.calibrate(engines[0].url, deployed.spec, on_progress=step.update, lap=yardstick.lap)
                except CalibrationError as error:
                    why = str(error) if engines[0].alive() else f"an engine died while it was calibrated: {engines[0].exit_reason()}"
                    self.found.missing.append(f"nothing was predicted or measured: {why}")
                    step.skip(str(error))
                    return
                step.note(measured.summary())
            self._predict(deployed, measured)
            yardstick.lap()
            self._load(deployed, engines)
            yardstick_s = yardstick.lap()
            if measured.load_fit and engines[0].alive():
                measured = self._recalibrate(deployed, engines[0], measured, yardstick, yardstick_s)
            if doubt := measured.doubt():
                self.found.missing.append(f"the prediction does not count: {doubt}")
            self._keep(measured)

    def _load(self, deployed: DeployedEngines, engines: Sequence[EngineProcess]) -> None:
        from loadtests import open_loop

        with self.steps.step("load test") as step:
            watch = Watch(engines)
            measurement = open_loop.run(
                self.requests,
                [engine.url for engine in engines],
                seed=self.environment.traffic.seed,
                metrics=[threshold.metric for threshold in self.environment.thresholds],
                on_progress=lambda done, total: step.update(done, total, "requests"),
            )
            outcome = measurement.outcome
            measurement = replace(measurement, invalid=(*watch.reasons(outcome.duration_s), *measurement.invalid))
            self.found.measurement = measurement
            self.found.real.append("The load: every request was sent at its planned time, and each answer was streamed and timed.")
            step.note(f"{outcome.good} of {outcome.requests} good, {outcome.output_tokens_per_s:.1f} tokens/s")
        arguments = [argument for argument in deployed.spec.to_args() if not argument.startswith("--port=")]
        self.measured = Baseline(outcome, load_digest(self.requests), f"{len(engines)} with {' '.join(arguments)}")
        if self.kept:
            self.found.baseline, remark = self.kept.against(self.measured)
            if remark:
                self.note(remark)

    def _recalibrate(
        self, deployed: DeployedEngines, engine: EngineProcess, before: Calibration, yardstick: Yardstick, yardstick_s: float | None
    ) -> Calibration:
        """Measure the engine on the other side of the load too, and predict anew from its speed between the two.

        ``yardstick_s`` is what the yardstick took during the load: where it is known, the prediction is for the speed of that time.
        """
        from simulations import calibration
        from simulations.errors import CalibrationError

        with self.steps.step("recalibrate") as step:
            try:
                between = calibration.calibrate_again(engine.url, before, on_progress=step.update, lap=yardstick.lap)
            except CalibrationError as error:
                step.skip(str(error))
                self.found.missing.append(f"the prediction does not count: the engine could not be measured after the load: {error}")
                return before
            if between.drift is None:
                step.skip("the engine is too slow for a mixed load")
                return before
            half_way = self._simulate(deployed, between)
            during = between.at(yardstick_s)
            paced = ""
            if during.pace is not None:
                self._simulate(deployed, during)
                paced = f", times {during.pace:.3f} by the yardstick"
            step.note(f"the engine is {between.change()}; predicted anew from the speed half-way{paced}")
        self.found.notes.append(f"after the load the engine was {between.change()}; the prediction stands on the speed half-way")
        if during.pace is not None:
            middle = ", ".join(f"{name} {getattr(half_way, f'{name}_ms').p50:.3g} ms" for name in ("ttft", "tpot", "e2e"))
            self.found.notes.append(
                f"a yardstick on the engine's core took {during.pace:.3f} times as long during the load as during the mixed loads, "
                f"and the prediction counts that in; without it the p50 were {middle}"
            )
        return during

    def _keep(self, measured: Calibration) -> None:
        """Keep the coefficients: beside the run, and, where nothing speaks against them, for the next what-if question."""
        measured.save(self.folder / "calibration.json")
        if measured.doubt():
            return
        place = self.space.calibration(self.environment.name)
        place.parent.mkdir(parents=True, exist_ok=True)
        replace(measured, spec=replace(measured.spec, port=0)).save(place)

    def _stop(self, cluster: Cluster) -> None:
        with held_interrupts():  # a second Ctrl-C must not break the few seconds in which what was started is ended
            try:
                cluster.stop()
            except (StackError, OSError) as error:
                self.steps.say(f"the cluster was not stopped: {error}")  # no reason to lose what was found out


@contextmanager
def _only_one(environment: str, space: Workspace) -> Iterator[None]:
    """Let no other rehearsal of the same environment stop the cluster or change the state under this one."""
    from toolchain.cache import Lock

    lock = Lock(space.folder / "locks" / f"rehearse-{environment}.lock")
    if not lock.try_acquire():
        raise UsageError(f"another rehearsal of {environment} is at work in {space.folder}; wait for it to end")
    try:
        yield
    finally:
        lock.release()
