"""What a row needs that runs real programs. The floors above start them and send load; a row only asks for them through this port.

``sandtable validate`` supplies a bench; a row that needs one is skipped without it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from foundation.measures.outcome import Outcome
    from simulations.calibration.yardstick import Lap
    from stacks.traffic import PlannedRequest
    from workloads.engine.spec import EngineSpec


class BenchEngine(Protocol):
    """A real engine that runs alone on its cores, with a yardstick beside it."""

    @property
    def url(self) -> str:
        """Where it serves, ``http://host:port``."""

    @property
    def spec(self) -> EngineSpec:
        """How it was started."""

    @property
    def lap(self) -> Callable[[], AbstractContextManager[Lap]]:
        """Begins a lap of the yardstick."""

    def send(self, plan: Sequence[PlannedRequest], *, seed: int) -> Outcome:
        """Send ``plan`` at its intended times and return what was measured.

        Raises:
            UnavailableError: the measurement does not count, for instance because the load generator was late.
        """


class Bench(Protocol):
    """Starts real programs."""

    def engine(self, spec: EngineSpec, *, layers: int, width: int) -> AbstractContextManager[BenchEngine]:
        """Start llama.cpp as ``spec`` says, with random weights of this shape; it is stopped at the end of the context.

        Raises:
            UnavailableError: it does not start here.
        """
