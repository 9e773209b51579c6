"""What-if questions to the twin of an environment's graph."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self

from sandtable.errors import UsageError
from sandtable.jobs.engines.calibrate import Calibrator, keep, kept
from sandtable.jobs.engines.cores import share_cores
from sandtable.jobs.engines.running import running
from sandtable.jobs.engines.tiny_model import ensure_tiny_model
from sandtable.jobs.gateway.predicting import gateway_of, model_of
from sandtable.jobs.stack.first_answer import read_program
from sandtable.report.words.quantities import count

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sandtable.terminal import Steps
    from sandtable.workspace import Workspace
    from simulations.calibration.speeds import Speeds
    from simulations.cluster.reasons import Reason
    from simulations.deployed import DeployedEngines
    from simulations.gateway.deployed import DeployedGateway
    from simulations.routes import Routed
    from simulations.serving import Speed
    from simulations.twin import Twin
    from simulations.whatif.inquiry import Inquiry
    from simulations.whatif.pairs import Pair
    from simulations.whatif.results import ScenarioResult
    from simulations.whatif.scenarios import Scenario
    from stacks.environment import Environment
    from stacks.graph import Graph
    from stacks.pricing.prices import PriceBook
    from stacks.traffic import PlannedRequest

    #: Called with the number of the replication, the cap and the widest half-width.
    OnProgress = Callable[[int, int, float], None]


#: How a request is named among pods, whose names have no such sign.
_REQUEST: Final = "request="


@dataclass(frozen=True, slots=True)
class WhatIfAnswer:
    """One result a scenario, the baseline first; ``provenance`` has the engine speeds behind them, ``warnings`` are about old prices.

    ``pairs`` are the scenarios against each other, ``reasons`` why pods are where they are, if that was asked.
    """

    environment: str
    digest: str
    seed: int
    scenarios: tuple[ScenarioResult, ...]
    provenance: tuple[Speed, ...]
    warnings: tuple[str, ...]
    pairs: tuple[Pair, ...] = ()
    reasons: tuple[Reason, ...] = ()
    routed: tuple[Routed, ...] = ()


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack to ask about, and all that its twin needs beside the graph; ``used`` grows with the engine speeds that were looked up."""

    environment: Environment
    graph: Graph
    book: PriceBook
    space: Workspace
    steps: Steps
    speed_of: Speeds
    door: DeployedGateway | None
    used: dict[Speed, None]

    @classmethod
    def read(cls, name: str, space: Workspace, steps: Steps, graph: Graph | None = None) -> Self:
        """Read the environment ``name``; ``graph`` replaces that of its program.

        Raises:
            StackError, SimulationError: the environment is invalid, or has no engine that can be simulated.
        """
        from simulations.deployed import DeployedEngines
        from stacks.environment.file import load
        from stacks.pricing.prices import PriceBook

        environment = load(name, root=space.root)
        book = PriceBook.named(environment.budget.price_book, root=space.root)
        found = graph or read_program(environment, steps)
        speed_of = _speeds(DeployedEngines.from_graph(found), environment, space, steps)
        return cls(environment, found, book, space, steps, speed_of, gateway_of(found, environment), {})

    def speed(self, gpu_model: str | None) -> Speed:
        """Return the engine's speed on a GPU model, None for CPUs."""
        self.used[found := self.speed_of(gpu_model)] = None
        return found

    def served(self, seed: int) -> tuple[Twin, Sequence[PlannedRequest]]:
        """Return the twin of the stack as it is, and the requests of its first replication."""
        from simulations.deployed import DeployedEngines
        from simulations.twin import Twin
        from simulations.whatif.load import Load
        from simulations.whatif.rate import Rate

        load = Load.of(self.environment.traffic, root=self.space.root, seed=seed)
        engines = DeployedEngines.from_graph(self.graph)
        twin = Twin.of(engines, self.speed(engines.gpu_model), model_of(self.door, seed) if self.door else None)
        return twin, load.requests(0, Rate())

    def inquiry(self, scenarios: Sequence[Scenario] = (), *, seed: int, **more: Any) -> Inquiry:
        """Return the question of the baseline and ``scenarios``; ``more`` are fields of it."""
        from simulations.whatif.inquiry import Inquiry

        gateway = model_of(self.door, seed) if self.door else None
        return Inquiry(self.graph, self.environment, tuple(scenarios), self.speed_of, self.book, seed, self.space.root, gateway, **more)

    def answer(
        self, scenarios: Sequence[Scenario], *, seed: int, on_progress: OnProgress | None = None, **more: Any
    ) -> list[ScenarioResult]:
        """Run the baseline and ``scenarios`` here, and note the speeds that were used."""
        return replace(self.inquiry(scenarios, seed=seed, **more), calibration_for=self.speed).answer(on_progress)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the stack comes from, beside the environment's own program; None for all means that program.

    ``graph`` replaces it. ``base`` is the environment that the change is compared with, ``plan`` the graph after the change.
    """

    graph: Graph | None = None
    base: str | None = None
    plan: Graph | None = None


def ask(
    name: str,
    scenarios: Sequence[str],
    space: Workspace,
    steps: Steps,
    *,
    seed: int,
    sources: Sources | None = None,
    replications: int | None = None,
    skip_bad_rows: bool = False,
    compare: bool = False,
    why: Sequence[str] = (),
    bands: bool = False,
) -> WhatIfAnswer:
    """Run every one of ``scenarios`` on the twin of the environment ``name``.

    Args:
        name: the environment: its traffic, its budget, and unless ``sources`` says otherwise its stack.
        scenarios: the questions.
        space: where the environment's file is.
        steps: shows progress.
        seed: of the whole run.
        sources: other graphs.
        replications: exactly this many; None: as many as the precision needs.
        skip_bad_rows: go on without the bad rows of a trace instead of refusing it.
        compare: also compare the scenarios with each other.
        why: pods whose place on a node is to be explained, and requests (``request=7``) whose replica is.
        bands: also say how far each latency may be off on another day.

    Raises:
        StackError, SimulationError: the environment or a scenario is invalid.
        UsageError: a scenario is given twice, or there are no two to compare.
    """
    from simulations import whatif
    from stacks.environment.file import load
    from stacks.pricing.costs import monthly_cost

    questions = [whatif.parse_scenario(text) for text in scenarios]  # report a mistake before anything is simulated
    if twice := next((question.name for index, question in enumerate(questions) if question in questions[:index]), None):
        raise UsageError(f"scenario {twice!r} is given twice, and both columns would be the same; remove one")
    sources = sources or Sources()
    changes = len(questions) + bool(sources.base or sources.plan)
    if compare and changes < 2:
        raise UsageError("--compare sets scenarios against each other and needs two; one alone is compared with the baseline anyway")
    stack = Stack.read(name, space, steps, sources.graph)
    reasons = _reasons([pod for pod in why if not pod.startswith(_REQUEST)], stack.graph)
    routes = tuple(_routed(one.removeprefix(_REQUEST), stack, seed) for one in why if one.startswith(_REQUEST))
    change: tuple[str, Graph] | None = None
    if sources.base:
        change = (stack.environment.name, stack.graph)
        stack = replace(stack, graph=read_program(load(sources.base, root=space.root), steps))
    elif sources.plan:
        change = ("the plan", sources.plan)
    fixed = {} if replications is None else {"replications": replications, "exactly": True}
    with steps.step("what if") as step:
        results = stack.answer(
            questions,
            seed=seed,
            change=change,
            skip_bad_rows=skip_bad_rows,
            bands=bands,
            on_progress=lambda number, cap, _widest: step.update(number, cap, "replications"),
            **fixed,
        )
        step.note(f"{count(len(results), 'scenario')}, {count(results[0].replications, 'replication')}")
    warnings = monthly_cost(stack.graph, stack.book).age_warnings(dt.datetime.now(dt.UTC).date())
    found = whatif.pairs(results[1:]) if compare else ()
    return WhatIfAnswer(
        stack.environment.name, stack.graph.digest, seed, tuple(results), tuple(stack.used), tuple(warnings), found, reasons, routes
    )


def _reasons(pods: Sequence[str], graph: Graph) -> tuple[Reason, ...]:
    from simulations.cluster.reasons import reason
    from stacks.graph.capacity import nodes
    from stacks.graph.demand import workloads

    return tuple(reason(pod, workloads(graph), nodes(graph)) for pod in pods)


def _routed(number: str, stack: Stack, seed: int) -> Routed:
    from simulations.routes import routed

    if not (number.isascii() and number.isdecimal()):
        raise UsageError(f"--why request={number}: name a request by its number in order of arrival at the engines, from 0")
    twin, requests = stack.served(seed)
    return routed(twin, requests, int(number), seed=seed)


def _speeds(engines: DeployedEngines, environment: Environment, space: Workspace, steps: Steps) -> Speeds:
    from simulations.calibration.speeds import Speeds

    return Speeds(engines, None if engines.needs_gpus else speed_here(engines, environment, space, steps))


def speed_here(engines: DeployedEngines, environment: Environment, space: Workspace, steps: Steps) -> Speed:
    """Return what an earlier command measured of the same engine on this machine, or measure it now and keep the result.

    Raises:
        EnginesDoNotFitError, EngineError, CalibrationError: it cannot be measured here.
    """
    from simulations.calibration.yardstick import Yardstick

    file, spec = space.calibration(environment.name), replace(engines.spec, port=0)
    if found := kept(file, spec):
        return found
    file.parent.mkdir(parents=True, exist_ok=True)
    ensure_tiny_model(spec.model, steps)
    cores = share_cores(1, spec.threads)
    with (
        running(spec, cores, file.parent, root=space.root, on_wait=steps.say) as processes,
        Yardstick(cores.engines[0]) as yardstick,
    ):
        measured = Calibrator(processes[0], yardstick, steps).before_the_load(spec)
    if doubt := measured.doubt():
        steps.say(doubt)
    else:
        keep(measured, file)
    return measured
