"""What is known of an environment before anything is built, installed or started: graph, policies, cost and engines.

It takes seconds on a new machine, so it comes first; a policy that denies ends the rehearsal here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandtable.jobs.stack.policy_gate import check_policies, denials

if TYPE_CHECKING:
    from policies.findings import Finding
    from sandtable.terminal import Steps
    from stacks.environment import Environment
    from stacks.graph import Graph
    from stacks.pricing.costs import Cost
    from stacks.pricing.prices import PriceBook


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """The program's graph, its policy findings, and the cost of its nodes."""

    graph: Graph
    policies: tuple[Finding, ...]
    cost: Cost

    @property
    def denied(self) -> tuple[str, ...]:
        """A sentence for each finding that denies."""
        return denials(self.policies)


def first_answer(environment: Environment, book: PriceBook, steps: Steps) -> FirstAnswer:
    """Read the program, check the policies and add up the cost, each as a step.

    Raises:
        StackError: the program rejects the environment.
    """
    graph = read_program(environment, steps)
    return FirstAnswer(graph, check_policies(graph, environment, book, steps), _price(graph, environment, book, steps))


def read_program(environment: Environment, steps: Steps) -> Graph:
    """Return the graph that the program declares, without running Pulumi's engine.

    Raises:
        StackError: the program rejects the environment.
    """
    from stacks.graph.sources import from_program

    with steps.step("graph") as step:
        graph = from_program(environment)
        step.note(f"{len(graph)} resources, {graph.digest[:19]}")
    return graph


def _price(graph: Graph, environment: Environment, book: PriceBook, steps: Steps) -> Cost:
    from stacks.pricing.costs import monthly_cost

    with steps.step("cost") as step:
        cost = monthly_cost(graph, book, budget_usd=environment.budget.monthly_usd)
        least = "at least " if cost.unpriced else ""
        step.note(f"{least}{cost.monthly_usd:,.2f} USD a month")
    return cost
