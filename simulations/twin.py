"""The twin: the engines that a graph deploys, under a planned load, as a discrete-event model.

Rule 1: what is deployed comes from the graph (replicas, and slots, context and threads from the container's arguments), how fast it is
from a calibration; nothing is typed twice.
Rule 2: it runs the same plan that the load test sends and ends in the same records, so a difference is the model's error.
Rule 3: every request ends in exactly one bucket; the books are closed after each run.
Rule 4: one plan and one seed give the same records to the last bit. What happens when is SimPy's (an outage and the arrivals are a
process each); times are the planned ones, never the environment's clock, which adds up delays and may be off by a last digit. At one
moment replicas that come back go first, then those that are lost, then what clients notice, then arrivals: whoever comes at the moment
of a loss finds the replica gone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import simpy

from foundation.measures.outcome import REQUEST_TIMEOUT_S, Outcome, RequestRecord, Status
from simulations.deployed import DeployedEngines
from simulations.errors import TwinError
from simulations.kernel import Ledger
from simulations.serving import Engine, EngineRequest, RoundRobin, StepTimes

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from simulations.calibration.coefficients import Calibration
    from stacks.graph import Graph
    from stacks.traffic import PlannedRequest
    from workloads.engine.spec import EngineSpec

_NO_REPLICA = "no replica was there to take it"


@dataclass(frozen=True, slots=True)
class Outage:
    """A replica is away from ``start_s`` until ``end_s`` (infinite: for good): what it holds fails, and so does what is sent to it.

    Clients send to it for another ``notice_s`` seconds, until they are told; with 0 they know at once.
    """

    replica: str
    start_s: float
    end_s: float = math.inf
    notice_s: float = 0.0

    @property
    def noticed_s(self) -> float:
        """When clients stop to send to it."""
        return self.start_s + self.notice_s

    def __post_init__(self) -> None:
        if not 0 <= self.start_s < self.end_s:
            raise TwinError(f"outage of {self.replica} from {self.start_s} s to {self.end_s} s: it must start at 0 or later and then end")
        if not self.notice_s >= 0:
            raise TwinError(f"outage of {self.replica}: it is noticed after {self.notice_s} s; allowed are 0 and more")


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the twin says: the counterpart of a measurement. ``records`` are ordered by intended time; ``steps`` were simulated."""

    records: tuple[RequestRecord, ...]
    outcome: Outcome
    replicas: tuple[str, ...]
    steps: int


@dataclass(frozen=True, slots=True)
class Twin:
    """Engines to be put under load. Change a field with ``dataclasses.replace`` to ask what if.

    ``replicas`` are their names; each is started as ``spec`` says and is as fast as ``calibration`` says. A client waits ``timeout_s``
    seconds for the end of an answer, as the load test does, and then leaves: the request has failed.
    """

    replicas: tuple[str, ...]
    spec: EngineSpec
    calibration: Calibration
    outages: tuple[Outage, ...] = ()
    timeout_s: float = REQUEST_TIMEOUT_S

    def __post_init__(self) -> None:
        if not self.timeout_s > 0:
            raise TwinError(f"clients wait {self.timeout_s} s for an answer; it must be more than 0")
        if not self.replicas:
            raise TwinError("no engine replica to simulate; the number of replicas must be at least 1")
        if unknown := sorted({outage.replica for outage in self.outages} - set(self.replicas)):
            raise TwinError(f"outage of {unknown[0]!r}, which is none of the replicas {', '.join(self.replicas)}")

    @classmethod
    def from_graph(cls, graph: Graph, calibration: Calibration) -> Twin:
        """Return the twin of the engines that ``graph`` deploys.

        Raises:
            TwinError: it has none that can be simulated (:class:`~simulations.deployed.DeployedEngines`), or the calibration was measured
                with another model or other threads than are deployed.
        """
        return cls.of(DeployedEngines.from_graph(graph), calibration)

    @classmethod
    def of(cls, engines: DeployedEngines, calibration: Calibration) -> Twin:
        """Return the twin of ``engines``.

        Raises:
            TwinError: the calibration was measured with another model or other threads than are deployed.
        """
        if calibration.request_s.provenance == "measured":
            for field in ("model", "threads"):
                known, wanted = getattr(calibration.spec, field), getattr(engines.spec, field)
                if known != wanted:
                    raise TwinError(f"{engines.where}: {field} is {wanted}, the calibration was measured with {known}; calibrate again")
        return cls(engines.replicas, engines.spec, calibration)

    def run(self, plan: Sequence[PlannedRequest], *, seed: int | None) -> Prediction:
        """Predict what becomes of ``plan``; ``seed`` is the plan's, kept with the outcome."""
        run = _Run(self)
        run.play(plan)
        records = tuple(record for _, record in sorted(run.ended.items(), key=lambda item: (item[1].intended_s, item[0])))
        outcome = Outcome.from_records(records, replicas=self.replicas, seed=seed)
        return Prediction(records, outcome, self.replicas, sum(engine.steps for engine in run.engines.values()))


class _Run:
    """One run of a twin."""

    def __init__(self, twin: Twin) -> None:
        times = StepTimes(twin.calibration)
        self.ended: dict[int, RequestRecord] = {}
        self.engines = {name: Engine(name, twin.spec, times, on_end=self._on_end, timeout_s=twin.timeout_s) for name in twin.replicas}
        self._outages = twin.outages
        self._router = RoundRobin(twin.replicas)
        self._ledger = Ledger("requests")
        # Outages of one replica may overlap, so they are counted; who has none is not in here.
        self._down: dict[str, int] = {}
        self._out_of_rotation: dict[str, int] = {}

    def play(self, plan: Sequence[PlannedRequest]) -> None:
        """Play ``plan`` to its end."""
        environment = simpy.Environment()
        # At one moment SimPy takes events in the order in which they were made.
        ends = [environment.timeout(o.end_s) if math.isfinite(o.end_s) else environment.event() for o in self._outages]
        starts = [environment.timeout(outage.start_s) for outage in self._outages]
        notices = [environment.timeout(o.noticed_s) if o.noticed_s < o.end_s else None for o in self._outages]
        for outage, start, notice, end in zip(self._outages, starts, notices, ends, strict=True):
            environment.process(self._outage(outage, start, notice, end))
        environment.process(self._arrivals(environment, plan))
        environment.run()
        for engine in self.engines.values():
            engine.advance(math.inf)
        self._ledger.close()

    def _arrivals(self, environment: simpy.Environment, plan: Iterable[PlannedRequest]) -> Generator[simpy.Event]:
        """Send each request at its time. One process for all: one each would take five times as long."""
        for index, planned in enumerate(plan):
            # `now` may be past the planned time by a last digit, and a delay cannot be negative.
            yield environment.timeout(max(0.0, planned.at_s - environment.now))
            self._arrive(EngineRequest(index, planned.at_s, planned.prompt_tokens, planned.output_tokens))

    def _outage(self, outage: Outage, start: simpy.Event, notice: simpy.Event | None, end: simpy.Event) -> Generator[simpy.Event]:
        """Live through an outage: the replica is lost, clients notice it (None: not before the end), it comes back."""
        yield start
        _count(self._down, outage.replica, +1)
        self.engines[outage.replica].advance(outage.start_s)
        self.engines[outage.replica].fail_all(outage.start_s, _went_away(outage.replica))
        if notice:
            yield notice
            _count(self._out_of_rotation, outage.replica, +1)
        yield end
        _count(self._down, outage.replica, -1)
        if notice:
            _count(self._out_of_rotation, outage.replica, -1)

    def _arrive(self, request: EngineRequest) -> None:
        self._ledger.enter(request.index)
        replica = self._router.choose(self._out_of_rotation)
        if replica is None:
            self._lose(request, "", _NO_REPLICA)
        elif replica in self._down:
            self._lose(request, replica, _went_away(replica))
        else:
            engine = self.engines[replica]
            engine.advance(request.at_s)
            engine.offer(request)

    def _lose(self, request: EngineRequest, replica: str, why: str) -> None:
        """Let a request fail at once."""
        at = request.at_s
        self._on_end(request, RequestRecord(at, at, None, at, request.prompt_tokens, 0, replica, status=Status.FAILED, error=why))

    def _on_end(self, request: EngineRequest, record: RequestRecord) -> None:
        self._ledger.settle(request.index, record.status)
        self.ended[request.index] = record


def _went_away(replica: str) -> str:
    return f"replica {replica} went away"


def _count(counts: dict[str, int], replica: str, by: int) -> None:
    counts[replica] = counts.get(replica, 0) + by
    if not counts[replica]:
        del counts[replica]
