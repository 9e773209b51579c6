"""Requests, GPU seconds, dollars and the seconds of a training job: each ends in exactly one bucket, in the environments that ship."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from simulations.calibration import published
from simulations.serving import Speed
from simulations.training import Books, CheckpointPlan, MemorylessMachines, TrainingJob
from simulations.validation.row import Figure, Row, UnavailableError
from simulations.validation.tolerance import EXACT
from simulations.whatif import parse_scenario, run

if TYPE_CHECKING:
    from simulations.whatif.results import ScenarioResult

#: The folder of the environments, where this is a checkout.
ROOT: Final = Path(__file__).parents[4]
#: Environments whose engines run on GPUs, so that no engine need be measured here; a scenario of every kind.
SCENARIOS: Final = {
    "prod": (
        "traffic=2x",
        "replicas=-1",
        "slots=4",
        "gpu=L40S",
        "spot=0.7",
        "zone-lost=us-east-1b",
        "node-lost=serving-h100",
        "price=1.5x",
        "ramp=3x@200s+200s",
    ),
    "staging": ("traffic=0.5x", "replicas=+1"),
}


def measure(_: Path) -> Iterator[Figure]:
    """Yield what came in beside the sum of the buckets, for every environment and scenario."""
    for name, scenarios in SCENARIOS.items():
        for result in _answers(name, scenarios):
            outcome, ledger, cost = result.outcome, result.gpu_seconds, result.cost
            where = f"{name}, {result.name}"
            yield Figure(f"{where}: requests", outcome.requests, outcome.good + outcome.failed, n=outcome.requests)
            buckets = (ledger.serving_s, ledger.waiting_s, ledger.down_s, ledger.other_s, ledger.unrequested_s)
            yield Figure(f"{where}: GPU seconds", ledger.total_s, math.fsum(buckets))
            yield Figure(f"{where}: USD a month", cost.monthly_usd, math.fsum(pool.monthly_usd or 0.0 for pool in cost.pools))
    books = _training()
    yield Figure("training job: seconds", books.wall_s, books.accounted_s, n=books.failures)


def _speed(gpu_model: str | None) -> Speed:
    assert gpu_model is not None, "these environments have GPUs"
    return published(gpu_model)


def _answers(name: str, scenarios: tuple[str, ...]) -> list[ScenarioResult]:
    from stacks.environment.file import load
    from stacks.graph.sources import from_program
    from stacks.pricing.prices import PriceBook

    if not (ROOT / f"Pulumi.{name}.yaml").exists():
        raise UnavailableError(f"no environment {name} at {ROOT}; run it in a checkout")
    environment = load(name, root=ROOT)
    book = PriceBook.named(environment.budget.price_book, root=ROOT)
    questions = [parse_scenario(text) for text in scenarios]
    graph = from_program(environment)
    return run(graph, environment, questions, calibration_for=_speed, price_book=book, root=ROOT, replications=2, exactly=True)


def _training() -> Books:
    from simulations.kernel import Loop, Streams
    from simulations.kernel.processes import ProcessEnvironment

    loop = Loop()
    job = TrainingJob(CheckpointPlan(1_000_000, 0.7, 900, 13.0, 240.0), MemorylessMachines(7_000.0, Streams(1).stream("failures")))
    job.start(ProcessEnvironment(loop))
    loop.run()
    return job.books


ROW: Final = Row(
    id="conservation",
    setup="prod under a scenario of every kind, staging under two, a training job with failures",
    source="an identity: nothing is lost and nothing is counted twice",
    expected="what came in",
    tolerance=EXACT,
    measure=measure,
)
