"""Requests, GPU seconds, dollars and the seconds of a training job: each ends in exactly one bucket, in the environments that ship."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from simulations.calibration import published
from simulations.serving import Speed
from simulations.training import Books, CheckpointPlan, MemorylessMachines, TrainingJob
from simulations.validation.row import Figure, Row, UnavailableError
from simulations.validation.tolerance import EXACT
from simulations.whatif import parse_scenario, run

if TYPE_CHECKING:
    from simulations.whatif.results import ScenarioResult
    from stacks.graph import Graph, Resource

#: The folder of the environments, where this is a checkout.
ROOT: Final = Path(__file__).parents[4]


class _Case(NamedTuple):
    """An environment under ``scenarios``; through its ``gateway``, or with engines that are ``scaled`` by the requests that each has."""

    environment: str
    scenarios: tuple[str, ...]
    gateway: bool = False
    scaled: float | None = None

    @property
    def name(self) -> str:
        """What the figures are called."""
        return self.environment + " through its gateway" * self.gateway + (f" scaled by {self.scaled:g} requests" if self.scaled else "")


#: Environments whose engines run on GPUs, so that no engine need be measured here; a scenario of every kind.
CASES: Final = (
    _Case(
        "prod",
        (
            "traffic=2x",
            "traffic=100x",
            "replicas=-1",
            "slots=4",
            "gpu=L40S",
            "tensor-parallel=2",
            "gpu=L40S+replicas=6+spot-nodes=0.5+spot=0.64",
            "spot=0.7",
            "zone-lost=us-east-1b",
            "zone-lost=us-east-1a@100s+5m+ramp=4x@5m",
            "node-lost=serving-h100",
            "price=1.5x",
            "ramp=3x@200s+200s",
        ),
    ),
    _Case("prod", ("anthropic=503@20s+15s", "ramp=20x@100s+60s"), gateway=True),
    _Case(
        "prod",
        (
            "ramp=30x@60s+60s",
            "ramp=30x@60s+60s+model-load=3m",
            "ramp=30x@60s+60s+provision=30s+node-lost=serving-h100@400s+2m",
            "ramp=0.1x@300s+model-load=5s",
        ),
        scaled=4.0,
    ),
    _Case("staging", ("traffic=0.5x", "replicas=+1")),
)


def measure(_: Path) -> Iterator[Figure]:
    """Yield what came in beside the sum of the buckets, for every environment and scenario."""
    for case in CASES:
        for result in _answers(case):
            outcome, ledger, cost = result.outcome, result.gpu_seconds, result.cost
            where = f"{case.name}, {result.name}"
            buckets = (ledger.serving_s, ledger.waiting_s, ledger.down_s, ledger.other_s, ledger.unrequested_s)
            yield Figure(f"{where}: requests", outcome.requests, outcome.good + outcome.failed, n=outcome.requests)
            yield Figure(f"{where}: GPU seconds", ledger.total_s, math.fsum(buckets))
            yield Figure(f"{where}: USD a month", cost.monthly_usd, math.fsum(pool.monthly_usd or 0.0 for pool in cost.pools))
    books = _training()
    yield Figure("training job: seconds", books.wall_s, books.accounted_s, n=books.failures)


def _speed(gpu_model: str | None) -> Speed:
    assert gpu_model is not None, "these environments have GPUs"
    return published(gpu_model)


def _answers(case: _Case) -> list[ScenarioResult]:
    from simulations.gateway import DeployedGateway, GatewayModel
    from stacks.environment.file import load
    from stacks.graph.sources import from_program
    from stacks.pricing.prices import PriceBook

    if not (ROOT / f"Pulumi.{case.environment}.yaml").exists():
        raise UnavailableError(f"no environment {case.environment} at {ROOT}; run it in a checkout")
    environment = load(case.environment, root=ROOT)
    book = PriceBook.named(environment.budget.price_book, root=ROOT)
    questions = [parse_scenario(text) for text in case.scenarios]
    graph = from_program(environment)
    if case.scaled:
        graph = _scaled(graph, case.scaled)
    gateway = None
    if case.gateway:
        deployed = DeployedGateway.from_graph(graph)
        assert deployed is not None, "this environment has a gateway"
        gateway = GatewayModel.of(deployed, overhead_s=0.001, provenance="assumed", texts_seed=1, unix_s=1.79e9)
    return run(
        graph,
        environment,
        questions,
        calibration_for=_speed,
        price_book=book,
        root=ROOT,
        replications=2,
        exactly=True,
        gateway=gateway,
    )


def _scaled(graph: Graph, requests: float) -> Graph:
    """Return the stack with autoscalers by requests in flight, since CPU says little of an engine on a GPU."""
    target = {"type": "AverageValue", "averageValue": f"{requests:g}"}
    metric = {"type": "Pods", "pods": {"metric": {"name": "requests_in_flight"}, "target": target}}

    def changed(resource: Resource) -> Resource:
        if resource.kind != "HorizontalPodAutoscaler":
            return resource
        return replace(resource, inputs={**resource.inputs, "spec": {**resource.spec, "metrics": [metric]}})

    return graph.changed(map(changed, graph))


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
    setup="prod under scenarios of every kind, directly, through its gateway, and with autoscalers that act; staging; a training job",
    source="an identity: nothing is lost and nothing is counted twice",
    expected="what came in",
    tolerance=EXACT,
    measure=measure,
)
