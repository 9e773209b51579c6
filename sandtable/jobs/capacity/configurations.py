"""A stack at other rates, and in other configurations on the nodes that they need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from stacks.errors import ConfigurationError

if TYPE_CHECKING:
    from sandtable.jobs.whatif import Stack
    from simulations.capacity import Configuration, Search
    from simulations.whatif.inquiry import Inquiry
    from simulations.whatif.results import ScenarioResult
    from simulations.whatif.scenarios import Scenario
    from stacks.environment.thresholds import Threshold
    from stacks.graph import Graph

    #: Asks some questions at once, and returns the results in their order.
    Ask = Callable[[Sequence[Inquiry]], Sequence[ScenarioResult | ConfigurationError]]

#: Replications of each run: the interval of a p95 over thousands of requests is narrow, and a search has many runs.
REPLICATIONS = 5
#: Configurations above the cheapest that are simulated for the front.
ABOVE = 12


def at_rate(stack: Stack, factor: float, seed: int, replications: int = REPLICATIONS) -> Inquiry:
    """Return the question of the stack at ``factor`` times its traffic.

    Drawn traffic gets a higher rate, so that a run has as many requests at any rate; a trace keeps its rows and is played faster.
    """
    from simulations.whatif import parse_scenario

    traffic = stack.environment.traffic
    if traffic.trace is None:
        faster = traffic.model_copy(update={"rate_per_s": traffic.rate_per_s * factor})
        stack = replace(stack, environment=stack.environment.model_copy(update={"traffic": faster}))
        return stack.inquiry(seed=seed, replications=replications)
    questions = [parse_scenario(f"traffic={factor:.9g}x")] if factor != 1 else []
    return stack.inquiry(questions, seed=seed, replications=replications)


def search(stack: Stack, limits: Sequence[Threshold], seed: int, budget_usd: float | None, ask: Ask) -> Search:
    """Look for the cheapest configuration that keeps ``limits`` and costs no more than ``budget_usd`` a month (None: anything)."""
    from simulations.capacity import cheapest
    from simulations.capacity.cheapest import space as families_of
    from simulations.deployed import DeployedEngines
    from simulations.whatif import parse_scenario
    from simulations.whatif.inquiry import given
    from stacks.errors import StackError
    from stacks.pricing.costs import monthly_cost

    deployed = DeployedEngines.from_graph(stack.graph)
    own = deployed.spec.slots
    slots: list[int | None] = [None, own * 2] if own == 1 else [own // 2, None, own * 2]
    gpus = [None, *_models(stack, deployed.gpu_model)] if deployed.needs_gpus else [None]
    graphs: dict[Configuration, Graph] = {}

    def price(one: Configuration) -> float | None:
        try:
            graphs[one] = fitted(stack, parse_scenario(one.scenario))
            cost = monthly_cost(graphs[one], stack.book)
        except StackError:
            return None
        too_much = budget_usd is not None and cost.monthly_usd > budget_usd
        return None if too_much else cost.monthly_usd

    def run(some: Sequence[Configuration]) -> list[ScenarioResult]:
        asked = [replace(stack, graph=graphs[one]).inquiry(seed=seed, replications=REPLICATIONS) for one in some]
        return [given(answer) for answer in ask(asked)]

    most = max(8, 2 * len(deployed.replicas))
    return cheapest(families_of(most, slots, gpus), price=price, run=run, thresholds=limits, above=ABOVE)


def fitted(stack: Stack, scenario: Scenario) -> Graph:
    """Return the stack changed by ``scenario``, on the nodes that it needs."""
    from simulations.cluster.consolidation import needed_nodes
    from simulations.whatif.changes import apply, with_nodes
    from stacks.graph.capacity import nodes
    from stacks.graph.demand import workloads

    changed = apply(scenario, stack.graph, stack.book).graph
    return with_nodes(changed, needed_nodes(workloads(changed), nodes(changed), keep_minimum=False))


def _models(stack: Stack, own: str | None) -> list[str]:
    """Return the GPU models other than ``own`` that have both a price and a published speed."""
    from simulations.calibration import published
    from simulations.errors import SimulationError

    found = []
    for model in sorted({row.gpu_model for row in stack.book if row.gpu_model} - {own}):
        try:
            published(model)
        except SimulationError:
            continue
        found.append(model)
    return found
