"""The search for the cheapest configuration of a stack: what is varied, what it costs, and what rules it out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from sandtable.jobs.capacity.configurations import REPLICATIONS, fitted
from simulations.errors import SimulationError
from stacks.errors import StackError

if TYPE_CHECKING:
    from sandtable.jobs.capacity.configurations import Ask
    from sandtable.jobs.whatif import Stack
    from simulations.capacity import Configuration, Search
    from simulations.capacity.search.bounds import Floors
    from simulations.capacity.search.spot import Spread
    from simulations.serving.port import Work
    from simulations.whatif.results import ScenarioResult
    from stacks.environment.thresholds import Threshold
    from stacks.graph import Graph

#: Configurations above the cheapest that are simulated for the front.
_ABOVE: Final = 12
#: Sizes of tensor-parallel groups that are tried; vLLM's divide the heads of a model.
_GROUPS: Final = (1, 2, 4, 8)


def search(stack: Stack, limits: Sequence[Threshold], seed: int, budget_usd: float | None, ask: Ask) -> Search:
    """Look for the cheapest configuration that keeps ``limits`` and costs no more than ``budget_usd`` a month (None: anything)."""
    from simulations.capacity import cheapest
    from simulations.capacity.search import Ask as Questions

    found = _Configurations(stack, limits, seed, budget_usd, ask)
    spread = found.spread if found.deployed.needs_gpus else None
    return cheapest(found.families(), Questions(found.price, found.run, found.bound, spread), limits, above=_ABOVE)


class _Configurations:
    """Answers what a search asks about configurations of ``stack``."""

    def __init__(self, stack: Stack, limits: Sequence[Threshold], seed: int, budget_usd: float | None, ask: Ask) -> None:
        from simulations.deployed import DeployedEngines

        stack = replace(stack, graph=stack.graph.known)  # once, and not for each configuration
        self.deployed = DeployedEngines.from_graph(stack.graph)
        self._stack, self._limits, self._seed, self._budget_usd, self._ask = stack, limits, seed, budget_usd, ask
        self._fitted: dict[Configuration, Graph | None] = {}
        self._prices: dict[Configuration, float | None] = {}
        self._floors: dict[Configuration, Floors | str | None] = {}

    def families(self) -> list[list[Configuration]]:
        """Return all configurations without spot nodes."""
        from simulations.capacity.search import space

        deployed = self.deployed
        own = deployed.spec.slots
        slots: list[int | None] = [None, own * 2] if own == 1 else [own // 2, None, own * 2]
        most = max(8, 2 * len(deployed.replicas))
        if not deployed.needs_gpus:
            return space(most, slots, [None])
        groups = [None, *(group for group in _GROUPS if group != deployed.group)]
        return space(most, slots, [None, *_models(self._stack, deployed.gpu_model)], groups)

    def price(self, one: Configuration) -> float | None:
        """Return what a configuration costs a month; None if there is no such machine, no room, or not the money."""
        nodes = replace(one, slots=None)  # slots cost nothing
        if nodes not in self._prices:
            self._prices[nodes] = self._price(nodes)
        return self._prices[nodes]

    def run(self, some: Sequence[Configuration], full: bool) -> list[ScenarioResult]:
        """Simulate ``some``."""
        from simulations.whatif.inquiry import given

        replications = REPLICATIONS if full else 1
        graphs = [self.graph(one) for one in some]
        asked = [replace(self._stack, graph=g).inquiry(seed=self._seed, replications=replications) for g in graphs if g is not None]
        return [given(answer) for answer in self._ask(asked)]

    def bound(self, one: Configuration) -> str | None:
        """Return why a configuration cannot hold, by what its engines take at least."""
        family = replace(one, replicas=1)
        if family not in self._floors:
            self._floors[family] = self._floors_of(family)
        found = self._floors[family]
        return found if found is None or isinstance(found, str) else found.misses(one.replicas, self._limits)

    def spread(self, one: Configuration) -> Spread:
        """Return where the replicas of a configuration with spot nodes are."""
        from simulations.capacity.search.spot import Spread
        from simulations.cluster import place
        from stacks.graph.capacity import nodes
        from stacks.graph.demand import workloads

        graph = self.graph(one)
        assert graph is not None, "only what has a price is asked for"
        there, wanted = {node.name: node for node in nodes(graph)}, workloads(graph)
        pods = {w.pod(index) for w in wanted if w.is_engine for index in range(w.replicas)}
        homes = [there[node] for pod, node in place(wanted, list(there.values())).node_of.items() if pod in pods]
        by_zone = Counter(node.zone for node in homes if node.purchase == "spot")
        return Spread(len(homes) - by_zone.total(), by_zone)

    def graph(self, one: Configuration) -> Graph | None:
        """Return the stack in a configuration, on the nodes that it needs; None if a pod of an engine finds none.

        Raises:
            StackError: there is no such machine.
        """
        from simulations.whatif.changes.engines import with_slots
        from simulations.whatif.changes.machines import with_spot_nodes

        # The nodes depend neither on the slots nor on how they are bought.
        bare = replace(one, slots=None, spot=0.0)
        if bare not in self._fitted:
            self._fitted[bare] = self._fit(bare)
        graph = self._fitted[bare]
        if graph is not None and one.slots is not None:
            graph = with_slots(graph, one.slots)
        if graph is not None and one.spot:
            graph, _ = with_spot_nodes(graph, one.spot, self._stack.book)
        return graph

    def _price(self, one: Configuration) -> float | None:
        from stacks.pricing.costs import monthly_cost

        try:
            graph = self.graph(one)
        except StackError:
            return None
        if graph is None:
            return None
        usd = monthly_cost(graph, self._stack.book).monthly_usd
        return None if self._budget_usd is not None and usd > self._budget_usd else usd

    def _fit(self, one: Configuration) -> Graph | None:
        from simulations.cluster import place
        from simulations.whatif import parse_scenario
        from stacks.graph.capacity import nodes
        from stacks.graph.demand import workloads

        try:
            graph = fitted(self._stack, parse_scenario(one.scenario))
        except StackError:
            return None
        wanted = workloads(graph)
        waiting = place(wanted, nodes(graph)).waiting
        return None if any(w.pod(index) in waiting for w in wanted if w.is_engine for index in range(w.replicas)) else graph

    def _floors_of(self, family: Configuration) -> Floors | str | None:
        from simulations.capacity.search.bounds import DOES_NOT_FIT, Floors

        deployed = self.deployed
        spec = deployed.spec if family.slots is None else replace(deployed.spec, slots=family.slots)
        try:
            bounds = self._stack.speed_of(family.gpu or deployed.gpu_model).bounds(spec, group=family.group or deployed.group)
        except SimulationError:
            return DOES_NOT_FIT
        return None if bounds is None else Floors(bounds, *self._work)

    @cached_property
    def _work(self) -> tuple[Work, int]:
        """What the stack's engines serve, and how many requests others answer: a gateway's providers and its cache."""
        from foundation.measures.outcome import Status
        from simulations.backlog import Backlog
        from simulations.serving.port import Work

        twin, requests = self._stack.served(self._seed)
        prediction = twin.run(requests, seed=self._seed, backlog=Backlog(twin.places))
        own = [record for record in prediction.records if record.replica in prediction.replicas and record.status is Status.OK]
        # What a prefix cache may have is not computed.
        repeated = any(request.blocks for request in requests)
        asked = tuple((1 if repeated else record.prompt_tokens, record.output_tokens) for record in own)
        return Work(asked, prediction.outcome.duration_s), prediction.outcome.good - len(own)


def _models(stack: Stack, own: str | None) -> list[str]:
    """Return the GPU models other than ``own`` that have both a price and a published speed."""
    from simulations.calibration import published

    found = []
    for model in sorted({row.gpu_model for row in stack.book if row.gpu_model} - {own}):
        try:
            published(model)
        except SimulationError:
            continue
        found.append(model)
    return found
