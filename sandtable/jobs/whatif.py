"""What-if questions to the twin of an environment's graph."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sandtable.errors import UsageError
from sandtable.jobs.engines.calibrate import Calibrator, keep, kept
from sandtable.jobs.engines.cores import share_cores
from sandtable.jobs.engines.running import running
from sandtable.jobs.gateway.predicting import gateway_of, model_of
from sandtable.jobs.stack.first_answer import read_program
from sandtable.report.words.quantities import count

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sandtable.terminal import Steps
    from sandtable.workspace import Workspace
    from simulations.deployed import DeployedEngines
    from simulations.serving import Speed
    from simulations.whatif.results import ScenarioResult
    from stacks.environment import Environment


@dataclass(frozen=True, slots=True)
class WhatIfAnswer:
    """One result a scenario, the baseline first; ``provenance`` has the engine speeds behind them, ``warnings`` are about old prices."""

    environment: str
    digest: str
    seed: int
    scenarios: tuple[ScenarioResult, ...]
    provenance: tuple[Speed, ...]
    warnings: tuple[str, ...]


def ask(name: str, scenarios: Sequence[str], space: Workspace, steps: Steps, *, seed: int, skip_bad_rows: bool = False) -> WhatIfAnswer:
    """Run every one of ``scenarios`` on the twin of the environment ``name``.

    ``skip_bad_rows``: go on without the bad rows of a trace instead of refusing it.

    Raises:
        StackError, SimulationError: the environment or a scenario is invalid.
        UsageError: a scenario is given twice.
    """
    from simulations import whatif
    from simulations.deployed import DeployedEngines
    from stacks.environment.file import load
    from stacks.pricing.costs import monthly_cost
    from stacks.pricing.prices import PriceBook

    environment = load(name, root=space.root)
    questions = [whatif.parse_scenario(text) for text in scenarios]  # report a mistake before anything is simulated
    if twice := next((question.name for index, question in enumerate(questions) if question in questions[:index]), None):
        raise UsageError(f"scenario {twice!r} is given twice, and both columns would be the same; remove one")
    book = PriceBook.named(environment.budget.price_book, root=space.root)
    graph = read_program(environment, steps)
    speed_of = _speeds(DeployedEngines.from_graph(graph), environment, space, steps)
    door = gateway_of(graph, environment)
    used: dict[Speed, None] = {}

    def calibration_for(gpu_model: str | None) -> Speed:
        used[found := speed_of(gpu_model)] = None
        return found

    with steps.step("what if") as step:
        results = whatif.run(
            graph,
            environment,
            questions,
            calibration_for=calibration_for,
            price_book=book,
            seed=seed,
            root=space.root,
            skip_bad_rows=skip_bad_rows,
            gateway=model_of(door, seed) if door else None,
            on_progress=lambda number, cap, _widest: step.update(number, cap, "replications"),
        )
        step.note(f"{count(len(results), 'scenario')}, {count(results[0].replications, 'replication')}")
    warnings = monthly_cost(graph, book).age_warnings(dt.datetime.now(dt.UTC).date())
    return WhatIfAnswer(environment.name, graph.digest, seed, tuple(results), tuple(used), tuple(warnings))


def _speeds(engines: DeployedEngines, environment: Environment, space: Workspace, steps: Steps) -> Callable[[str | None], Speed]:
    """Return a function that gives the coefficients for a GPU model: published ones, or for CPU engines those of this machine."""
    from simulations import calibration

    here = None if engines.needs_gpus else speed_here(engines, environment, space, steps)

    def speed_of(gpu_model: str | None) -> Speed:
        if here is not None and gpu_model is None:
            return here
        return calibration.published(gpu_model or str(engines.runs_on()))

    return speed_of


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
