"""One scenario on its way through the replications.

Rule 1: a replication is: draw the incidents, place the pods, tell the twin who is down when, send the requests.
Rule 2: what does not change between replications (graph, twin, cost, incidents without dice) is made once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any, Final

from simulations.cluster import Placement, place
from simulations.failures import Effects, NodeOutage, node_lost, play, spot_market, zone_lost
from simulations.whatif.changes import with_nodes
from stacks.capacity import nodes
from stacks.costs import monthly_cost
from stacks.demand import workloads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from simulations.twin import Twin
    from simulations.whatif.changes import Question
    from simulations.whatif.load import Load
    from stacks.graph import Graph
    from workloads.telemetry.outcome import Outcome, RequestRecord

#: When an incident strikes, as a share of the run: what was before and what comes after are both seen.
INCIDENT_AT: Final = 0.2


@dataclass(frozen=True)
class Run:
    """One replication: what the twin said, and what was away meanwhile. ``last_arrival_s`` is the time of the last request."""

    records: Sequence[RequestRecord]
    outcome: Outcome
    effects: Effects
    last_arrival_s: float


#: Runs of one replication by what they were run with, so that scenarios that do not differ in it share them.
Memory = list[tuple["Twin", float, Run]]


class Trial:
    """One scenario. ``runs`` grows by one with every replication."""

    def __init__(self, question: Question, load: Load, *, twin_for: Callable[[Graph, str | None], Twin], budget_usd: float | None) -> None:
        self.question, self.load = question, load
        self.workloads = workloads(question.graph)
        self.pods = [w.pod(index) for w in self.workloads if w.is_engine for index in range(w.replicas)]
        declared = nodes(question.graph)
        self.grown = place(self.workloads, declared).added
        # Nodes that the autoscaler would have added long ago belong to the steady state, and to the cost.
        self.nodes = [*declared, *self.grown]
        graph = with_nodes(question.graph, self.nodes) if self.grown else question.graph
        self.twin = twin_for(graph, question.gpu_model)
        self.spot_share = None if (share := question.scenario.value("spot")) is None else float(share)
        paid = {node.pool: self.spot_share for node in self.nodes if node.purchase == "spot"} if self.spot_share is not None else {}
        self.cost = monthly_cost(graph, question.book, budget_usd=budget_usd, paid_share=paid)
        self.runs: list[Run] = []
        self._steady = self._effects(0) if self.spot_share is None else None

    @property
    def horizon_s(self) -> float:
        """Length of a run in seconds."""
        return self.load.horizon_s

    def replicate(self, memory: Memory) -> None:
        """Run the next replication, or take over the same run of another scenario."""
        replication, factor = len(self.runs), self.question.traffic_factor
        effects = self._steady or self._effects(replication)
        twin = self._with_outages(effects)
        for known, known_factor, run in memory:
            if known_factor == factor and known == twin:
                self.runs.append(replace(run, effects=effects))
                return
        requests = self.load.requests(replication, factor)
        prediction = twin.run(requests, seed=self.load.stream(replication))
        run = Run(prediction.records, prediction.outcome, effects, requests[-1].at_s if requests else 0.0)
        memory.append((twin, factor, run))
        self.runs.append(run)

    def _effects(self, replication: int) -> Effects:
        if not self.nodes:
            nothing = Placement((), (), {}, {})
            return Effects(nothing, nothing, ())
        return play(self.workloads, self.nodes, self._incidents(replication), horizon_s=self.horizon_s)

    def _incidents(self, replication: int) -> list[NodeOutage]:
        scenario, at_s = self.question.scenario, INCIDENT_AT * self.horizon_s
        lost: list[NodeOutage] = []
        if zone := scenario.value("zone-lost"):
            lost += zone_lost(self.nodes, zone, at_s=at_s)
        if pool := scenario.value("node-lost"):
            lost += node_lost(self.nodes, pool, at_s=at_s)
        if self.spot_share is not None:
            markets: dict[tuple[str, str], list[Any]] = {}
            for node in self.nodes:
                if node.purchase == "spot":
                    markets.setdefault((node.pool, node.zone), []).append(node)
            for (pool, zone), members in sorted(markets.items()):
                dice = Random(f"{self.load.stream(replication)}/spot/{pool}/{zone}")  # noqa: S311  # repeatable on purpose
                lost += spot_market(members, self.spot_share, horizon_s=self.horizon_s, random=dice)
        return lost

    def _with_outages(self, effects: Effects) -> Twin:
        from simulations.twin import Outage

        # The twin names its replicas by their pods, too.
        return replace(self.twin, outages=tuple(Outage(o.pod, o.start_s, o.end_s) for o in effects.outages))
