"""A question with all that its answer needs, as values: a sweep can send it to another process or machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from simulations.whatif.run import run
from stacks.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulations.gateway import GatewayModel
    from simulations.serving import Speed
    from simulations.whatif.results import ScenarioResult
    from simulations.whatif.scenarios import Scenario
    from stacks.environment import Environment
    from stacks.graph import Graph
    from stacks.pricing.prices import PriceBook


@dataclass(frozen=True, slots=True)
class Inquiry:
    """The arguments of :func:`simulations.whatif.run`, which explains them."""

    graph: Graph
    environment: Environment
    scenarios: tuple[Scenario, ...]
    calibration_for: Callable[[str | None], Speed]
    price_book: PriceBook
    seed: int
    root: Path
    gateway: GatewayModel | None = None
    change: tuple[str, Graph] | None = None
    replications: int = 20
    exactly: bool = False
    skip_bad_rows: bool = False
    bands: bool = False

    def answer(self, on_progress: Callable[[int, int, float], None] | None = None) -> list[ScenarioResult]:
        """Run it."""
        return run(
            self.graph,
            self.environment,
            self.scenarios,
            calibration_for=self.calibration_for,
            price_book=self.price_book,
            change=self.change,
            seed=self.seed,
            replications=self.replications,
            exactly=self.exactly,
            root=self.root,
            skip_bad_rows=self.skip_bad_rows,
            gateway=self.gateway,
            bands=self.bands,
            on_progress=on_progress,
        )


def given(answer: ScenarioResult | ConfigurationError) -> ScenarioResult:
    """Return a result, or raise why there is none."""
    if isinstance(answer, ConfigurationError):
        raise answer
    return answer


def last_result(inquiry: Inquiry) -> ScenarioResult | ConfigurationError:
    """Return the result of the last scenario, or why there is none: as a value, since not every error survives being sent."""
    try:
        return inquiry.answer()[-1]
    except ConfigurationError as error:
        return ConfigurationError(str(error))
