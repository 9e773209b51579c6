"""What an environment costs: by component, by token at several loads, and what would cost less."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sandtable.jobs.gateway.predicting import gateway_of, model_of
from sandtable.jobs.stack.first_answer import read_program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandtable.terminal import Steps
    from sandtable.workspace import Workspace
    from simulations.cost.allocation import Allocated
    from simulations.cost.charges import Charge
    from simulations.cost.providers import Billed
    from simulations.cost.savings import Option
    from stacks.environment import Environment
    from stacks.graph import Graph
    from stacks.pricing.costs import Cost
    from stacks.traffic import PlannedRequest

ANY_GPU: Final = "H100"
#: Multiples of the environment's traffic at which a million tokens is priced.
LOADS: Final = (0.1, 0.25, 0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class CostAnswer:
    """``per_mtok`` is USD per million output tokens by the multiple of the traffic, if the stack holds it; ``options`` as asked for.

    ``providers`` bill the gateway beside the nodes, ``charges`` are for storage and traffic.
    """

    environment: str
    cost: Cost
    components: tuple[Allocated, ...]
    per_mtok: tuple[tuple[float, float], ...]
    options: tuple[Option, ...]
    providers: tuple[Billed, ...] = ()
    charges: tuple[Charge, ...] = ()


def cost(name: str, space: Workspace, steps: Steps, *, optimise: bool, graph: Graph | None = None) -> CostAnswer:
    """Price the environment ``name``, or ``graph`` under its traffic; ``optimise`` also looks for what would cost less.

    Raises:
        StackError: the environment or its trace is invalid.
    """
    from simulations.cost.allocation import allocate
    from simulations.cost.charges import charges
    from simulations.cost.savings import options
    from stacks.environment.file import load
    from stacks.pricing.costs import STORAGE, TRAFFIC, monthly_cost
    from stacks.pricing.prices import PriceBook
    from stacks.traffic import plan

    environment = load(name, root=space.root)
    book = PriceBook.named(environment.budget.price_book, root=space.root)
    graph = graph or read_program(environment, steps)
    found = monthly_cost(graph, book, budget_usd=environment.budget.monthly_usd)
    requests = plan(environment.traffic, root=space.root)
    span_s = max(environment.traffic.duration_s, requests[-1].at_s if requests else 0.0)
    tokens_per_h = sum(request.output_tokens for request in requests) / span_s * 3600
    providers = _providers(graph, environment, requests, span_s)
    known = tokens_per_h and (found.hourly_usd or not found.unpriced)  # without any price a token is not free, but not priced
    per_mtok = tuple((factor, found.hourly_usd / (tokens_per_h * factor) * 1e6) for factor in LOADS if known)
    beside = charges(graph, tokens_per_h)
    left = [line for line in found.not_modelled if not line.startswith((STORAGE, TRAFFIC))]
    found = replace(found, not_modelled=(*left, "network traffic between zones and regions"))
    savings = options(graph, book) if optimise else ()
    return CostAnswer(environment.name, found, allocate(graph, book), per_mtok, savings, providers, beside)


def _providers(graph: Graph, environment: Environment, requests: Sequence[PlannedRequest], span_s: float) -> tuple[Billed, ...]:
    """Let the twin's gateway choose who answers, and price the month at today's prices; emulated providers bill nothing."""
    from simulations.calibration import published
    from simulations.cost.providers import billed
    from simulations.twin import Twin

    door = gateway_of(graph, environment)
    if door is None or not door.outside:
        return ()
    seed = environment.traffic.seed
    # The speed of the engines decides about waiting, not about who answers, so that none has to be measured here.
    twin = Twin.from_graph(graph, published(ANY_GPU), model_of(door, seed))
    return billed(twin.run(requests, seed=seed).records, door, span_s)
