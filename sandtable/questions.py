"""Puts what-if questions to the twin of an environment's graph."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sandtable.errors import UsageError
from sandtable.report.words.quantities import count
from sandtable.terminal import Steps
from sandtable.workspace import Workspace

if TYPE_CHECKING:
    from sandtable.document.answers.whatif import WhatIf
    from simulations.calibration import Calibration
    from stacks.environment import Environment
    from stacks.graph import Graph
    from workloads.engine.spec import EngineSpec


def ask(name: str, scenarios: Sequence[str], space: Workspace, *, seed: int, quiet: bool, skip_bad_rows: bool = False) -> WhatIf:
    """Return the document of ``sandtable whatif``: the baseline first, then one entry a scenario.

    ``skip_bad_rows``: go on without the bad rows of a trace instead of refusing it.

    Raises:
        StackError, SimulationError: the environment or a scenario is not as it must be.
        UsageError: a scenario is asked twice.
    """
    from sandtable.document.answers.whatif import WhatIf
    from simulations import whatif
    from stacks.environment.file import load
    from stacks.graph.sources import from_program
    from stacks.pricing.costs import monthly_cost
    from stacks.pricing.prices import PriceBook

    environment = load(name, root=space.root)
    questions = [whatif.parse_scenario(text) for text in scenarios]  # a slip is told before anything is simulated
    if twice := next((question.name for index, question in enumerate(questions) if question in questions[:index]), None):
        raise UsageError(f"scenario {twice!r} is given twice, and both columns would be the same; take one out")
    book = PriceBook.named(environment.budget.price_book, root=space.root)
    steps = Steps(quiet=quiet)
    with steps.step("graph") as step:
        graph = from_program(environment)
        step.note(f"{len(graph)} resources")
    calibrations = _Calibrations(environment, graph, space, steps)
    if not calibrations.on_gpus:
        calibrations.measured()
    with steps.step("what if") as step:
        results = whatif.run(
            graph,
            environment,
            questions,
            calibration_for=calibrations,
            price_book=book,
            seed=seed,
            root=space.root,
            skip_bad_rows=skip_bad_rows,
            on_progress=lambda number, cap, _widest: step.update(number, cap, "replications"),
        )
        step.note(f"{count(len(results), 'scenario')}, {count(results[0].replications, 'replication')}")
    return WhatIf.model_validate(
        {
            "environment": environment.name,
            "digest": graph.digest,
            "seed": seed,
            "scenarios": results,
            "provenance": calibrations.used,
            "warnings": monthly_cost(graph, book).age_warnings(dt.datetime.now(dt.UTC).date()),
        }
    )


class _Calibrations:
    """Coefficients by GPU model: published ones for GPUs, one measured here for engines on CPUs, kept for the next question.

    ``used`` are those that were asked for, each once.
    """

    def __init__(self, environment: Environment, graph: Graph, space: Workspace, steps: Steps) -> None:
        from simulations.deployed import DeployedEngines

        self._engines = DeployedEngines.from_graph(graph)
        self._file = space.calibration(environment.name)
        self._folder = self._file.parent
        self._root = space.root
        self._steps = steps
        self._measured: Calibration | None = None
        self.used: list[Calibration] = []

    @property
    def on_gpus(self) -> bool:
        """Whether the engines ask for GPUs."""
        return self._engines.needs_gpus

    def __call__(self, gpu_model: str | None) -> Calibration:
        from simulations import calibration

        model = gpu_model or self._engines.runs_on()
        found = calibration.published(model) if model else self.measured()
        if found not in self.used:
            self.used.append(found)
        return found

    def measured(self) -> Calibration:
        """Measure an engine of this machine, or read what an earlier command measured for the same engine."""
        from sandtable.rehearsal.engines import running, share_cores
        from simulations import calibration
        from toolchain import cache_dir

        if self._measured is None:
            import os

            spec = replace(self._engines.spec, port=0)
            if kept := _kept(self._file, spec):
                self._measured = kept
                return kept
            self._folder.mkdir(parents=True, exist_ok=True)
            cores = share_cores(1, spec.threads, frozenset(os.sched_getaffinity(0)))
            with self._steps.step("calibrate") as step:
                with running(spec, cores, self._folder, cache_dir(), root=self._root, on_wait=self._steps.say) as engines:
                    self._measured = calibration.calibrate(engines[0].url, spec, on_progress=step.update)
                step.note(self._measured.summary())
            if doubt := self._measured.doubt():
                self._steps.say(doubt)
            else:
                self._measured.save(self._file)
        return self._measured


def _kept(file: Path, spec: EngineSpec) -> Calibration | None:
    """What an earlier command measured of the same engine on the same kind of machine; None where that is not there."""
    from simulations.calibration import Calibration, this_machine
    from simulations.errors import CalibrationError

    try:
        kept = Calibration.load(file)
    except CalibrationError:
        return None
    return kept if (kept.spec, kept.machine) == (spec, this_machine()) and not kept.doubt() else None
