"""The replications of one scenario.

Rule 1: each replication draws the incidents, places the pods, passes the downtimes to the twin and sends the requests.
Rule 2: whatever does not change between replications (graph, twin, cost, incidents without randomness) is computed once.
Rule 3: each spot market has its own random stream, named by seed, pool and zone. Its initial states are stratified over all replications
(``starting_points``), so all of them must be run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from simulations.backlog import Backlog
from simulations.cluster import Placement, place
from simulations.failures import Calm, Effects, NodeOutage, node_lost, play, spot_market, starting_points, zone_lost
from simulations.kernel import Streams
from simulations.scaling.consolidation import consolidations
from simulations.scaling.declared import declared as declared_scalers
from simulations.scaling.running import Setting
from simulations.scaling.running.autoscaling import GPU_ENGINE_CORES
from simulations.whatif.changes.fleet import with_nodes
from simulations.whatif.rate import Rate
from stacks.errors import ConfigurationError
from stacks.graph.capacity import nodes
from stacks.graph.demand import workloads
from stacks.pricing.costs import monthly_cost
from stacks.traffic import MAX_REQUESTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from foundation.measures.outcome import Outcome, RequestRecord
    from simulations.gateway import GatewayModel, ProviderFault
    from simulations.scaling.running import ScalingRecord
    from simulations.serving import Speed
    from simulations.twin import Prediction, Twin
    from simulations.whatif.changes import Question
    from simulations.whatif.load import Load
    from stacks.graph.capacity import Node

#: When an incident strikes, as a share of the run, so that the time before and after it is visible.
INCIDENT_AT: Final = 0.2


@dataclass(frozen=True)
class Run:
    """One replication: the prediction and the outages during it.

    ``backlog`` says whether it was stopped because its backlog only grew; None if that was not watched. ``scaling`` is what the autoscalers
    did, None without one. ``reused_share`` is the prediction's.
    """

    records: Sequence[RequestRecord]
    outcome: Outcome
    effects: Effects
    backlog: Backlog | None = None
    scaling: ScalingRecord | None = None
    reused_share: float | None = None


#: Runs of one replication, keyed by their inputs, so that scenarios with equal inputs share them.
Memory = list[tuple["Twin", "Rate", Run]]


class _Market(NamedTuple):
    """The spot nodes of a pool in a zone, and the starting point of each replication (``starting_points``)."""

    pool: str
    zone: str
    nodes: Sequence[Node]
    starts: Sequence[float]


class ScenarioRuns:
    """One scenario. ``runs`` grows by one with every replication, up to ``most``.

    Raises:
        ConfigurationError: the scenario does not fit the graph, or asks for more requests than a run may have.
    """

    def __init__(
        self,
        question: Question,
        load: Load,
        *,
        calibration_for: Callable[[str | None], Speed],
        budget_usd: float | None,
        most: int,
        gateway: GatewayModel | None = None,
    ) -> None:
        from simulations.twin import Twin

        self.question, self.load, self.most, self.gateway = question, load, most, gateway
        _check_length(question, load)
        self.workloads = workloads(question.graph)
        self.pods = [w.pod(index) for w in self.workloads if w.is_engine for index in range(w.replicas)]
        declared = nodes(question.graph)
        self._intact = place(self.workloads, declared)
        self.grown = self._intact.added
        # Nodes that the autoscaler would have added long ago are part of the steady state and of the cost.
        self.nodes: list[Node] = [*declared, *self.grown]
        graph = with_nodes(question.graph, self.nodes) if self.grown else question.graph
        self.calibration = calibration_for(question.gpu_model)
        self.twin = Twin.from_graph(graph, self.calibration, gateway)
        if faults := _faults(question, gateway):
            self.twin = replace(self.twin, faults=faults)
        self.autoscalers = declared_scalers(question.graph)
        if self.autoscalers.scalers:
            self.twin = replace(self.twin, scaling=self._scaling())
        self.spot_share = None if (share := question.scenario.value("spot")) is None else float(share)
        paid = {node.pool: self.spot_share for node in self.nodes if node.purchase == "spot"} if self.spot_share is not None else {}
        self.cost = monthly_cost(graph, question.book, budget_usd=budget_usd, paid_share=paid)
        self.runs: list[Run] = []
        self.places_lost = self._places_lost()
        self._markets = self._spot_markets() if self.spot_share is not None else []

    @property
    def horizon_s(self) -> float:
        """Length of a run in seconds."""
        return self.load.horizon_s

    @property
    def span_s(self) -> float:
        """Mean time of a run in seconds, with that which its last requests took after the horizon. Rates are over it."""
        return math.fsum(run.outcome.duration_s for run in self.runs) / len(self.runs)

    @property
    def overloads(self) -> list[Backlog]:
        """The backlogs that only grew; their runs were stopped."""
        return [run.backlog for run in self.runs if run.backlog is not None and run.backlog.grows_per_s is not None]

    @cached_property
    def dice(self) -> bool:
        """Whether spot markets affect engines, so that only all replications together give the expected result."""
        if self.spot_share is None or not 0 < self.spot_share < 1:
            return False
        spot = {node.name for market in self._markets for node in market.nodes}
        on_spot = any(self._intact.node_of.get(pod) in spot for pod in self.pods)
        return on_spot or len({effects.outages for effects in self.effects}) > 1

    def replicate(self, memory: Memory) -> None:
        """Run the next replication, or reuse the identical run of another scenario."""
        replication, rate = len(self.runs), self.question.rate
        draw = replication % len(self.effects)
        twin = self.with_outages(draw)
        for known, known_rate, run in memory:
            if known_rate == rate and known == twin:
                self.runs.append(replace(run, effects=self.effects[draw]))
                return
        prediction, backlog = self.played(twin, replication)
        scaling = prediction.scaling if self.autoscalers.scalers else None
        run = Run(prediction.records, prediction.outcome, self.effects[draw], backlog, scaling, prediction.reused_share)
        memory.append((twin, rate, run))
        self.runs.append(run)

    def played(self, twin: Twin, replication: int) -> tuple[Prediction, Backlog | None]:
        """Run ``twin`` under the requests of a replication; also return what watched its backlog."""
        requests = self.load.requests(replication, self.question.rate)
        # Autoscalers hold and judge the backlog themselves, and know of no outage.
        backlog = None if twin.outages and self.autoscalers.scalers else Backlog(twin.places)
        number = len(twin.replicas)
        calm = () if backlog is None or not twin.outages else (Calm(backlog, twin.outages, number, twin.places // number),)
        seed = self.load.stream(replication)
        return twin.run(requests, seed=seed, horizon_s=self.horizon_s, backlog=backlog, participants=calm), backlog

    @cached_property
    def lost(self) -> list[list[NodeOutage]]:
        """The nodes that each replication loses; a single entry for all if nothing is random."""
        return [[*self.places_lost, *self._spot_outages(number)] for number in range(self.most if self._markets else 1)]

    @cached_property
    def effects(self) -> list[Effects]:
        """The effects of each of :attr:`lost` on the replicas."""
        if not self.nodes:
            nothing = Placement((), (), {}, {})
            return [Effects(nothing, nothing, ())]
        delays = self.question.delays
        return [play(self.workloads, self.nodes, lost, horizon_s=self.horizon_s, delays=delays) for lost in self.lost]

    def usd_per_hour(self, node: Node) -> float | None:
        """Return the price of a node that was added to its pool; None if it has none."""
        pools = (pool for pool in self.cost.pools if (pool.name, pool.purchase) == (node.pool, node.purchase))
        return next((pool.usd_per_hour * pool.paid_share for pool in pools if pool.usd_per_hour is not None), None)

    def _scaling(self) -> Setting:
        calibration, spec = self.calibration, self.twin.spec
        return Setting(
            self.autoscalers.scalers,
            self.workloads,
            tuple(self.nodes),
            self._intact,
            cores=float(spec.threads) if calibration.measured else GPU_ENGINE_CORES,
            slots=spec.slots,
            until_s=self.horizon_s,
            delays=self.question.delays,
            rules=consolidations(self.question.graph),
        )

    def _places_lost(self) -> list[NodeOutage]:
        lost: list[NodeOutage] = []
        for kind, of in (("zone-lost", zone_lost), ("node-lost", node_lost)):
            for change in self.question.scenario.of_kind(kind):
                at_s = INCIDENT_AT * self.horizon_s if change.start_s is None else change.start_s
                if at_s >= self.horizon_s:
                    raise ConfigurationError(f"scenario {change}: the run ends before it, at {self.horizon_s:.0f} s; start it earlier")
                lost += of(self.nodes, change.value, at_s=at_s, end_s=change.end_s or math.inf)
        return lost

    def _spot_markets(self) -> list[_Market]:
        members: dict[tuple[str, str], list[Node]] = {}
        for node in self.nodes:
            if node.purchase == "spot":
                members.setdefault((node.pool, node.zone), []).append(node)
        return [
            _Market(pool, zone, found, starting_points(self.most, Streams(self.load.seed).stream("spot-start", pool, zone)))
            for (pool, zone), found in sorted(members.items())
        ]

    def _spot_outages(self, replication: int) -> list[NodeOutage]:
        share, outages = self.spot_share, list[NodeOutage]()
        for pool, zone, members, starts in self._markets:
            assert share is not None, "markets exist only with a spot scenario"
            dice = Streams(self.load.stream(replication)).stream("spot", pool, zone)
            outages += spot_market(members, share, horizon_s=self.horizon_s, start=starts[replication], random=dice)
        return outages

    def with_outages(self, draw: int) -> Twin:
        """Return the twin with what it loses in a draw of the incidents."""
        # The twin also names its replicas by their pods.
        twin = replace(self.twin, outages=self.effects[draw].outages)
        if self.autoscalers.scalers and self.lost[draw]:
            assert twin.scaling is not None, "set with the autoscalers"
            twin = replace(twin, scaling=replace(twin.scaling, lost=tuple(self.lost[draw])))
        return twin


def _faults(question: Question, gateway: GatewayModel | None) -> tuple[ProviderFault, ...]:
    from simulations.gateway import ProviderFault

    for change in question.scenario.faults:
        providers = gateway.deployed.configuration.providers if gateway else {}
        if change.kind not in providers:
            there = f"there is {', '.join(providers)}" if providers else "the load does not go through a gateway (`traffic.mix`)"
            raise ConfigurationError(f"scenario {question.scenario.name}: {change.kind!r} is no provider: {there}")
    return tuple(ProviderFault(c.kind, c.value, c.start_s or 0.0, c.end_s or math.inf) for c in question.scenario.faults)


def _check_length(question: Question, load: Load) -> None:
    rate = question.rate
    if math.isfinite(rate.start_s) and rate.start_s >= load.horizon_s:
        raise ConfigurationError(
            f"scenario {question.scenario.name}: the run ends before the ramp, at {load.horizon_s:.0f} s; start it earlier"
        )
    if (expected := load.expected(rate)) > MAX_REQUESTS:
        most = MAX_REQUESTS / load.expected(Rate())
        fix = f"ask for traffic={math.floor(most)}x at the most" if most >= 1 else "lower `traffic: rate_per_s`"
        raise ConfigurationError(
            f"scenario {question.scenario.name}: {expected / load.expected(Rate()):g} times the traffic of the environment makes "
            f"{expected:,.0f} requests in a run of {load.horizon_s:.0f} s, the limit is {MAX_REQUESTS:,}; {fix}"
        )
