"""The twin: the engines that a graph deploys, under a planned load, as a discrete-event model.

Rule 1: the deployment comes from the graph (replicas, and slots, context and threads from the container's arguments), its speed from a
calibration; nothing is entered twice.
Rule 2: it runs the same plan that the load test sends and produces the same records, so any difference is the model's error.
Rule 3: every request ends in exactly one bucket; the ledger is checked after each run.
Rule 4: one plan and one seed give the same records to the last bit. Load, outages, faults and jobs share one run and one clock, so that
each can affect the others; ``kernel/order.py`` defines the order of simultaneous events.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from foundation.measures.outcome import REQUEST_TIMEOUT_S, Outcome, RequestRecord
from simulations.deployed import DeployedEngines
from simulations.errors import TwinError
from simulations.failures.outage import Outage
from simulations.gateway.door import GatewayDoor
from simulations.kernel import Ledger, Loop, Streams
from simulations.load import OpenLoopLoad
from simulations.routing import RoundRobin, RouterDoor
from simulations.scaling.running import Autoscaling
from simulations.scaling.running.activator import Activator
from simulations.serving.port import HASH_TOKENS
from simulations.world import World
from stacks.traffic import Drawn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.backlog import Backlog
    from simulations.gateway.faults import ProviderFault
    from simulations.gateway.model import GatewayModel
    from simulations.routing import Policy
    from simulations.scaling.running import ScalingRecord, Setting
    from simulations.serving import EngineRequest, Speed
    from simulations.world import Door, Participant, Replica
    from stacks.graph import Graph
    from stacks.traffic import PlannedRequest
    from workloads.engine.spec import EngineSpec


@dataclass(frozen=True, slots=True)
class Prediction:
    """The twin's counterpart of a measurement. ``records`` are ordered by intended time; ``steps`` is the number simulated.

    ``scaling`` is what the autoscalers did, None without one. ``reused_share`` is the share of the prompts' tokens that prefix caches had;
    None where the plan says nothing of what prompts share.
    """

    records: tuple[RequestRecord, ...]
    outcome: Outcome
    replicas: tuple[str, ...]
    steps: int
    scaling: ScalingRecord | None = None
    reused_share: float | None = None


@dataclass(frozen=True, slots=True)
class Twin:
    """The engines under load. Change a field with ``dataclasses.replace`` for a what-if.

    ``replicas`` are their names; each is started with ``spec`` and has the speed of ``calibration``. As in the load test, a client waits
    ``timeout_s`` seconds for the complete response; then it disconnects and the request has failed. With a ``gateway`` all requests go
    through it, and its providers suffer from ``faults``. With ``scaling`` the graph's autoscalers act during the run. Each engine spans
    ``group`` GPUs.
    """

    replicas: tuple[str, ...]
    spec: EngineSpec
    calibration: Speed
    outages: tuple[Outage, ...] = ()
    timeout_s: float = REQUEST_TIMEOUT_S
    gateway: GatewayModel | None = None
    faults: tuple[ProviderFault, ...] = ()
    scaling: Setting | None = None
    group: int = 1

    def __post_init__(self) -> None:
        if not self.timeout_s > 0:
            raise TwinError(f"clients wait {self.timeout_s} s for an answer; it must be more than 0")
        if not self.replicas:
            raise TwinError("no engine replica to simulate; the number of replicas must be at least 1")
        if unknown := sorted({outage.replica for outage in self.outages} - set(self.replicas)):
            raise TwinError(f"outage of {unknown[0]!r}, not one of the replicas {', '.join(self.replicas)}")

    @classmethod
    def from_graph(cls, graph: Graph, calibration: Speed, gateway: GatewayModel | None = None) -> Twin:
        """Return the twin of the engines that ``graph`` deploys, behind ``gateway`` if there is one.

        Raises:
            TwinError: no engine can be simulated (:class:`~simulations.deployed.DeployedEngines`), or the calibration is for another model
                or thread count than the deployed one.
        """
        return cls.of(DeployedEngines.from_graph(graph), calibration, gateway)

    @classmethod
    def of(cls, engines: DeployedEngines, calibration: Speed, gateway: GatewayModel | None = None) -> Twin:
        """Return the twin of ``engines``, behind ``gateway`` if there is one.

        Raises:
            TwinError: the calibration is for another model or thread count than the deployed one.
        """
        if calibration.measured:
            for field in ("model", "threads"):
                known, wanted = getattr(calibration.spec, field), getattr(engines.spec, field)
                if known != wanted:
                    raise TwinError(f"{engines.where}: {field} is {wanted}, the calibration was measured with {known}; calibrate again")
        return cls(engines.replicas, engines.spec, calibration, gateway=gateway, group=engines.group)

    @property
    def places(self) -> int:
        """How many requests the engines serve at the same time."""
        return len(self.replicas) * self.spec.slots

    def run(
        self,
        plan: Sequence[PlannedRequest],
        *,
        seed: int | None,
        participants: Sequence[Participant] = (),
        horizon_s: float | None = None,
        backlog: Backlog | None = None,
        policy: Policy | None = None,
    ) -> Prediction:
        """Predict the outcome of ``plan``; ``seed`` is the plan's. It is stored with the outcome and seeds every random stream.

        ``participants``: what else takes part, for instance faults and jobs. ``horizon_s`` is the time that the plan covers, which rates
        are over together with what the last requests take longer; None if only its requests are known. ``backlog`` ends the load when it
        only grows; the horizon is then that moment. ``policy`` chooses the engine of each request; None: the engines in turn.
        """
        loop, streams = Loop(), Streams(seed or 0)
        books = _Books()
        replicas: dict[str, Replica] = {}
        engines = RouterDoor(replicas, policy or RoundRobin(), loop)
        named: Sequence[PlannedRequest] = () if isinstance(plan, Drawn) else plan  # only traces name the blocks of prompts
        hash_tokens = next((request.block_tokens for request in named if request.block_tokens), HASH_TOKENS)
        make = self.calibration.engines(self.spec, hash_tokens=hash_tokens, group=self.group)
        scales = self.scaling is not None and self.scaling.to_zero
        activator = Activator(engines, replicas, loop, timeout_s=self.timeout_s) if scales else None
        door: Door = engines if activator is None else activator
        if self.gateway is not None:
            door = GatewayDoor(self.gateway, loop, streams, engines=door, planned=plan.__getitem__, timeout_s=self.timeout_s)
        world = World(loop, streams, replicas, door, partial(make, loop=loop, on_end=engines.on_end, timeout_s=self.timeout_s))
        for name in self.replicas:
            world.start(name)
        load = OpenLoopLoad(plan, books.enter, books.settle, backlog)
        autoscaling = None if self.scaling is None else Autoscaling(self.scaling, activator=activator, backlog=backlog)
        everyone: tuple[Participant, ...] = (*self.outages, *self.faults, *participants, *((autoscaling,) if autoscaling else ()), load)
        for participant in everyone:
            participant.join(world)
        loop.run()
        books.ledger.close()
        for replica in replicas.values():
            replica.engine.audit()
        records = tuple(record for _, record in sorted(books.ended.items(), key=lambda item: (item[1].intended_s, item[0])))
        if backlog is not None and backlog.seen_s is not None:
            horizon_s = backlog.seen_s
        outcome = Outcome.from_records(records, replicas=tuple(replicas), seed=seed, horizon_s=horizon_s)
        record = autoscaling.fleet.record if autoscaling else None
        if record is not None and (served_s := record.served_s(outcome.duration_s)):
            # The busy share is over the time for which replicas were there.
            busy_s = outcome.utilisation * len(replicas) * outcome.duration_s
            outcome = replace(outcome, utilisation=min(1.0, busy_s / served_s))
        found = [replica.engine.reused() for replica in replicas.values()]
        prompts = sum(tokens for _, tokens in found)
        reused = sum(cached for cached, _ in found) / prompts if prompts and any(request.block_tokens for request in named) else None
        steps = sum(replica.engine.steps for replica in replicas.values())
        return Prediction(records, outcome, tuple(replicas), steps, record, reused)


class _Books:
    """Checks that every request ends once, in one bucket."""

    def __init__(self) -> None:
        self.ledger = Ledger("requests")
        self.ended: dict[int, RequestRecord] = {}

    def enter(self, request: EngineRequest) -> None:
        self.ledger.enter(request.index)

    def settle(self, request: EngineRequest, record: RequestRecord) -> None:
        self.ledger.settle(request.index, record.status)
        self.ended[request.index] = record
