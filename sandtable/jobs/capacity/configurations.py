"""A stack at other rates, and in other configurations on the nodes that they need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from stacks.errors import ConfigurationError

if TYPE_CHECKING:
    from sandtable.jobs.whatif import Stack
    from simulations.whatif.inquiry import Inquiry
    from simulations.whatif.results import ScenarioResult
    from simulations.whatif.scenarios import Scenario
    from stacks.graph import Graph

    #: Asks some questions at once, and returns the results in their order.
    Ask = Callable[[Sequence[Inquiry]], Sequence[ScenarioResult | ConfigurationError]]

#: Replications of each run: the interval of a p95 over thousands of requests is narrow, and a search has many runs.
REPLICATIONS = 5


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


def fitted(stack: Stack, scenario: Scenario) -> Graph:
    """Return the stack changed by ``scenario``, on the nodes that it needs."""
    from simulations.cluster.consolidation import needed_nodes
    from simulations.whatif.changes import apply
    from simulations.whatif.changes.fleet import with_nodes
    from stacks.graph.capacity import nodes
    from stacks.graph.demand import workloads

    changed = apply(scenario, stack.graph, stack.book).graph
    return with_nodes(changed, needed_nodes(workloads(changed), nodes(changed), keep_minimum=False))
