"""The bench of ``sandtable validate``: real engines on this machine, and the open-loop load test."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.errors import FoundationError
from foundation.measures.validity import engine_disturbances
from sandtable.errors import SandtableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from foundation.measures.outcome import Outcome
    from sandtable.local.engine import EngineProcess
    from simulations.calibration.yardstick import Lap, Yardstick
    from stacks.traffic import PlannedRequest
    from workloads.engine.spec import EngineSpec


class LocalBench:
    """Starts engines in processes of this machine, each alone on its cores."""

    @contextmanager
    def engine(self, spec: EngineSpec, *, layers: int, width: int) -> Iterator[MeasuredEngine]:
        """Start an engine; see :class:`simulations.validation.bench.Bench`."""
        from sandtable.jobs.engines.cores import share_cores
        from sandtable.jobs.engines.running import running
        from simulations.calibration.yardstick import Yardstick
        from simulations.validation import UnavailableError
        from toolchain import ToolchainError, cache_dir
        from workloads.engine.errors import EngineError
        from workloads.engine.model import Recipe, ensure_model

        try:
            model = ensure_model(cache_dir(), Recipe(layers=layers, width=width, feed_forward=3 * width))
            spec = replace(spec, model=str(model), port=0)
            with tempfile.TemporaryDirectory(prefix="sandtable-") as folder:
                cores = share_cores(1, spec.threads)
                with (
                    running(spec, cores, Path(folder), root=Path(), on_wait=lambda _: None) as (process,),
                    Yardstick(cores.engines[0]) as yardstick,
                ):
                    yield MeasuredEngine(process, spec, yardstick)
        except (SandtableError, FoundationError, EngineError, ToolchainError) as error:
            raise UnavailableError(str(error).partition(os.linesep)[0]) from error


class MeasuredEngine:
    """A running engine with the yardstick on its core."""

    def __init__(self, process: EngineProcess, spec: EngineSpec, yardstick: Yardstick) -> None:
        self.spec = spec
        self._process, self._yardstick = process, yardstick

    @property
    def url(self) -> str:
        """Where it serves."""
        return self._process.url

    @property
    def lap(self) -> Callable[[], AbstractContextManager[Lap]]:
        """Begins a lap of the yardstick."""
        return self._yardstick.lap

    def send(self, plan: Sequence[PlannedRequest], *, seed: int) -> Outcome:
        """Send ``plan`` and return what was measured.

        Raises:
            UnavailableError: the measurement does not count.
        """
        from loadtests import open_loop
        from simulations.validation import UnavailableError

        before_s = self._process.waited_s()
        seen = open_loop.run(plan, [self.url], seed=seed)
        ends = [] if self._process.alive() else [self._process.exit_reason()]
        waited = (self._process.waited_s() - before_s) / seen.outcome.duration_s if not ends else 0.0
        if reasons := (*engine_disturbances(ends, waited), *seen.invalid):
            raise UnavailableError(f"a measurement does not count: {reasons[0]}")
        return seen.outcome
