"""The parts of a rule over a whole stack."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from stacks.admission.rules import Severity
from stacks.environment import Environment
from stacks.graph import Graph, Resource
from stacks.graph.capacity import Node, nodes, pools
from stacks.graph.demand import Workload, readable_workloads
from stacks.pricing.costs import Cost, monthly_cost
from stacks.pricing.prices import PriceBook


class NotApplicableError(Exception):
    """A rule cannot be evaluated on this graph; the text is the reason. ``policies.assessment`` catches it; it never escapes."""


@dataclass(frozen=True)
class Situation:
    """What a rule may read. Nodes, workloads and the cost are computed once and shared by all rules.

    Their properties raise ``ConfigurationError`` if the graph carries an invalid quantity.
    """

    graph: Graph
    environment: Environment | None
    price_book: PriceBook

    @property
    def given_environment(self) -> Environment:
        """The environment.

        Raises:
            NotApplicableError: none was given.
        """
        if self.environment is None:
            raise NotApplicableError("it compares with an environment, and none was given")
        return self.environment

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes of the graph.

        Raises:
            NotApplicableError: the graph has none, as plain manifests have.
        """
        if not (found := nodes(self.graph)):
            raise NotApplicableError("the graph has no nodes")
        return found

    @cached_property
    def pools(self) -> tuple[Node, ...]:
        """One node of each pool, including pools without nodes.

        Raises:
            NotApplicableError: the graph has no pools, as plain manifests have.
        """
        if not (found := pools(self.graph)):
            raise NotApplicableError("the graph has no nodes")
        return found

    @cached_property
    def workloads(self) -> tuple[Workload, ...]:
        """The controllers with their pods, including those with an unreadable request (``quantities-are-legal`` reports these)."""
        return readable_workloads(self.graph)

    @cached_property
    def cost(self) -> Cost:
        """The price of the nodes."""
        return monthly_cost(self.graph, self.price_book)


@dataclass(frozen=True, slots=True)
class Breach:
    """How a stack breaks a rule, and the resource at fault; None if it is the stack as a whole."""

    message: str
    resource: Resource | None = None


@dataclass(frozen=True, slots=True)
class Unjudged:
    """A resource on which the rule cannot be evaluated, and why."""

    reason: str
    resource: Resource


@dataclass(frozen=True, slots=True)
class StackExample:
    """A tiny stack: manifests, and an environment if the rule needs one."""

    name: str
    manifests: tuple[Mapping[str, Any], ...]
    environment: Mapping[str, Any] | None = None

    def situation(self) -> Situation:
        """Return the situation that the example describes, with the bundled prices."""
        environment = None if self.environment is None else Environment.model_validate(self.environment)
        return Situation(graph_of(self.manifests), environment, PriceBook.bundled())


@dataclass(frozen=True)
class StackRule:
    """One rule over a whole stack; the fields have the same meaning as in ``stacks.admission.rules.ObjectRule``.

    ``judge`` yields the breaches and the resources that it cannot evaluate; if it can evaluate none, it raises :class:`NotApplicableError`.
    """

    id: str
    title: str
    reason: str
    fix: str
    severity: Severity
    judge: Callable[[Situation], Iterable[Breach | Unjudged]]
    passing: tuple[StackExample, ...]
    failing: tuple[StackExample, ...]
    environments: tuple[str, ...] = field(default=())


def graph_of(manifests: Iterable[Mapping[str, Any]]) -> Graph:
    """Return the graph of manifests in memory."""
    return Graph.of((Resource.of_manifest(manifest, "example") for manifest in manifests), "example")
