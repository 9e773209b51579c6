"""The twin: the engines that a graph deploys, under a planned load, as a discrete-event model.

Rule 1: what is deployed comes from the graph (replicas, and slots, context and threads from the container's arguments), how fast it is
from a calibration; nothing is typed twice.
Rule 2: it runs the same plan that the load test sends and ends in the same records, so a difference is the model's error.
Rule 3: every request ends in exactly one bucket; the books are closed after each run.
Rule 4: one plan and one seed give the same records to the last bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulations.deployed import DeployedEngines
from simulations.errors import TwinError
from simulations.kernel import Ledger, Timeline
from simulations.serving import Engine, EngineRequest, RoundRobin, StepTimes
from workloads.telemetry.outcome import Outcome, RequestRecord, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.calibration.coefficients import Calibration
    from stacks.graph import Graph
    from stacks.traffic import PlannedRequest
    from workloads.engine.spec import EngineSpec

_NO_REPLICA = "no replica was there to take it"


@dataclass(frozen=True, slots=True)
class Outage:
    """A replica is away from ``start_s`` until ``end_s`` (infinite: for good): what it holds fails, and it gets nothing new."""

    replica: str
    start_s: float
    end_s: float = math.inf

    def __post_init__(self) -> None:
        if not 0 <= self.start_s < self.end_s:
            raise TwinError(f"outage of {self.replica} from {self.start_s} s to {self.end_s} s: it must start at 0 or later and then end")


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

    ``replicas`` are their names; each is started as ``spec`` says and is as fast as ``calibration`` says.
    """

    replicas: tuple[str, ...]
    spec: EngineSpec
    calibration: Calibration
    outages: tuple[Outage, ...] = ()

    def __post_init__(self) -> None:
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
        self.engines = {name: Engine(name, twin.spec, times, on_end=self._on_end) for name in twin.replicas}
        self._outages = twin.outages
        self._router = RoundRobin(twin.replicas)
        self._ledger = Ledger("requests")
        self._away: dict[str, int] = {}  # outages of one replica may overlap

    def play(self, plan: Sequence[PlannedRequest]) -> None:
        """Play ``plan`` to its end."""
        timeline: Timeline[EngineRequest | tuple[str, int]] = Timeline()
        for outage in self._outages:
            # Ends before starts before arrivals: whoever comes at the moment of a loss finds the replica gone.
            timeline.add(outage.start_s, (outage.replica, +1), rank=1)
            if math.isfinite(outage.end_s):
                timeline.add(outage.end_s, (outage.replica, -1), rank=0)
        for index, planned in enumerate(plan):
            timeline.add(planned.at_s, EngineRequest(index, planned.at_s, planned.prompt_tokens, planned.output_tokens), rank=2)
        for now_s, event in timeline:
            if isinstance(event, EngineRequest):
                self._arrive(event)
            else:
                self._change(*event, now_s)
        for engine in self.engines.values():
            engine.advance(math.inf)
        self._ledger.close()

    def _arrive(self, request: EngineRequest) -> None:
        self._ledger.enter(request.index)
        replica = self._router.choose(self._away)
        if replica is None:
            at = request.at_s
            lost = RequestRecord(at, at, None, at, request.prompt_tokens, 0, "", status=Status.FAILED, error=_NO_REPLICA)
            self._on_end(request, lost)
            return
        engine = self.engines[replica]
        engine.advance(request.at_s)
        engine.offer(request)

    def _change(self, replica: str, by: int, now_s: float) -> None:
        self._away[replica] = self._away.get(replica, 0) + by
        if not self._away[replica]:
            del self._away[replica]
        elif by > 0:
            self.engines[replica].advance(now_s)
            self.engines[replica].fail_all(now_s, f"replica {replica} went away")

    def _on_end(self, request: EngineRequest, record: RequestRecord) -> None:
        self._ledger.settle(request.index, record.status)
        self.ended[request.index] = record
