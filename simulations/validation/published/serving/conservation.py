"""Nothing is lost: requests, tokens, blocks and GPU seconds of runs in which much goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from foundation.measures.outcome import RequestRecord, Status
from simulations.calibration import published
from simulations.failures.outage import Outage
from simulations.hardware import gpu, model
from simulations.kernel import Loop, Order, Streams
from simulations.routing import PrefixAffinity, RouterDoor
from simulations.serving import EngineRequest
from simulations.serving.paged import Limits, PagedEngine
from simulations.serving.roofline import VLLM, RooflineTimes, kernels_of
from simulations.twin import Twin
from simulations.validation.row import Figure, Row
from simulations.validation.tolerance import within
from simulations.world import Replica
from stacks.traffic import PlannedRequest
from workloads.engine.spec import EngineSpec

_REQUESTS: Final = 2000
_BLOCKS: Final = 150


class _Scenario(NamedTuple):
    """A load of ``rate_per_s`` on three engines of eight slots."""

    name: str
    rate_per_s: float
    outages: tuple[Outage, ...] = ()
    timeout_s: float = 60.0


_SCENARIOS: Final = (
    _Scenario("light load", 2.0),
    _Scenario("overload", 200.0),
    _Scenario("a replica lost and back", 20.0, (Outage("e0", 10.0, 40.0, 5.0),)),
    _Scenario("all replicas lost", 20.0, tuple(Outage(f"e{number}", 30.0) for number in range(3))),
    _Scenario("impatient clients", 60.0, timeout_s=2.0),
)


def _measure(_data: Path) -> Iterator[Figure]:
    for scenario in _SCENARIOS:
        plan = _plan(scenario.rate_per_s)
        twin = Twin(("e0", "e1", "e2"), EngineSpec(slots=8, context_tokens=2048), published("H100"), scenario.outages, scenario.timeout_s)
        outcome = twin.run(plan, seed=1).outcome  # audits slots, blocks and steps
        yield Figure(f"{scenario.name}: requests without an end", 0.0, len(plan) - outcome.good - outcome.failed, len(plan))
        tokens = sum(planned.output_tokens for planned in plan)
        served = outcome.output_tokens_per_s * outcome.duration_s
        if outcome.failed == 0:
            yield Figure(f"{scenario.name}: share of tokens not accounted for", 0.0, 1 - served / tokens, len(plan))
    yield from _blocks()


def _blocks() -> Iterator[Figure]:
    """Audit the blocks of engines that have too few of them while they serve, every second, and at the end."""
    loop = Loop()
    replicas: dict[str, Replica] = {}
    door = RouterDoor(replicas, PrefixAffinity(500), loop)
    times = RooflineTimes(gpu("H100"), model("llama-3.1-8b"), kernels_of("H100"), VLLM)
    engines = [PagedEngine(f"e{n}", Limits(_BLOCKS, 64, 2048), times, loop, on_end=door.on_end) for n in range(2)]
    replicas |= {f"e{n}": Replica(f"e{n}", engine) for n, engine in enumerate(engines)}
    ended: list[RequestRecord] = []

    def keep(_: EngineRequest, record: RequestRecord) -> None:
        ended.append(record)

    plan = _plan(50.0)
    dice = Streams(1).stream("prefixes")
    for planned in plan:
        prefix = tuple(range(dice.randint(0, planned.prompt_tokens // 16)))
        request = EngineRequest(planned.index, planned.at_s, planned.prompt_tokens, planned.output_tokens, prefix)
        loop.at(request.at_s, partial(door.submit, request, keep), Order.ARRIVAL)
    audits = 0
    while len(ended) < len(plan):
        loop.run(loop.now_s + 1.0)
        audits += 1
        for engine in engines:
            engine.audit()
    preemptions = sum(engine.scheduler.preemptions for engine in engines)
    good = sum(record.status is Status.OK for record in ended)
    yield Figure(f"blocks held at the end, after {preemptions:,} preemptions", 0.0, sum(e.scheduler.pool.held for e in engines), audits)
    yield Figure(f"requests without an end, {good:,} of them good", 0.0, len(plan) - len(ended), len(plan))


def _plan(rate_per_s: float) -> list[PlannedRequest]:
    dice, now, plan = Streams(1).stream("load"), 0.0, []
    for index in range(_REQUESTS):
        now += dice.expovariate(rate_per_s)
        plan.append(PlannedRequest(index, now, dice.randint(10, 900), dice.randint(1, 120)))
    return plan


ROW: Final = Row(
    id="serving-conservation",
    setup="2,000 requests under light load, overload, outages, impatient clients, and with too few blocks",
    source="conservation of requests, tokens, key-value blocks and engine seconds; every run of the twin checks the same at its end",
    expected="nothing is left over",
    tolerance=within(1e-9, ""),
    measure=_measure,
)
