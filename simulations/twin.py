"""The twin: the engines that a graph deploys, under a planned load, as a discrete-event model.

Rule 1: what is deployed comes from the graph (replicas, and slots, context and threads from the container's arguments), how fast it is
from a calibration; nothing is typed twice.
Rule 2: it runs the same plan that the load test sends and ends in the same records, so a difference is the model's error.
Rule 3: every request ends in exactly one bucket; the books are closed after each run.
Rule 4: one plan and one seed give the same records to the last bit. Load, outages, faults and jobs take part in one run on one clock,
so that each can cause something in the others; ``kernel/order.py`` defines the order of simultaneous events.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from foundation.measures.outcome import REQUEST_TIMEOUT_S, Outcome, RequestRecord
from simulations.deployed import DeployedEngines
from simulations.errors import TwinError
from simulations.failures.outage import Outage
from simulations.kernel import Ledger, Loop, Streams
from simulations.load import OpenLoopLoad
from simulations.serving import Engine, EngineRequest, RoundRobinDoor, StepTimes
from simulations.world import Replica, World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.calibration.coefficients import Calibration
    from simulations.world import Participant
    from stacks.graph import Graph
    from stacks.traffic import PlannedRequest
    from workloads.engine.spec import EngineSpec


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
            raise TwinError(f"outage of {unknown[0]!r}, not one of the replicas {', '.join(self.replicas)}")

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

    def run(self, plan: Sequence[PlannedRequest], *, seed: int | None, participants: Sequence[Participant] = ()) -> Prediction:
        """Predict what becomes of ``plan``; ``seed`` is the plan's, kept with the outcome and that of every random stream.

        ``participants``: who else takes part, for instance faults and jobs.
        """
        loop, times = Loop(), StepTimes(self.calibration)
        books = _Books()
        replicas: dict[str, Replica] = {}
        door = RoundRobinDoor(replicas)
        for name in self.replicas:
            engine = Engine(name, self.spec, times, loop, on_end=door.on_end, timeout_s=self.timeout_s)
            replicas[name] = Replica(name, engine)
        world = World(loop, Streams(seed or 0), replicas, door)
        for participant in (*self.outages, *participants, OpenLoopLoad(plan, books.enter, books.settle)):
            participant.join(world)
        loop.run()
        books.ledger.close()
        records = tuple(record for _, record in sorted(books.ended.items(), key=lambda item: (item[1].intended_s, item[0])))
        outcome = Outcome.from_records(records, replicas=self.replicas, seed=seed)
        return Prediction(records, outcome, self.replicas, sum(replica.engine.steps for replica in replicas.values()))


class _Books:
    """Every request ends once, in one bucket."""

    def __init__(self) -> None:
        self.ledger = Ledger("requests")
        self.ended: dict[int, RequestRecord] = {}

    def enter(self, request: EngineRequest) -> None:
        self.ledger.enter(request.index)

    def settle(self, request: EngineRequest, record: RequestRecord) -> None:
        self.ledger.settle(request.index, record.status)
        self.ended[request.index] = record
