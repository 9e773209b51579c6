"""How much traffic an environment holds, the cheapest configuration that holds what it has, and what moves the verdict most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from sandtable.errors import UsageError
from sandtable.jobs.sensitivity import inputs
from sandtable.jobs.whatif import Stack
from sandtable.report.words.quantities import count

if TYPE_CHECKING:
    from sandtable.terminal import Steps
    from sandtable.workspace import Workspace
    from simulations.capacity import Configuration, LargestRate, Search, Swing
    from simulations.whatif.results import ScenarioResult
    from stacks.environment.thresholds import Threshold
    from stacks.graph import Graph

#: Replications of each run: the interval of a p95 over thousands of requests is narrow, and a search has many runs.
REPLICATIONS = 5


@dataclass(frozen=True, slots=True)
class Capacity:
    """The answer: the largest rate; search and swings if they were asked for. ``rate_per_s`` is the environment's own."""

    environment: str
    seed: int
    rate_per_s: float
    thresholds: tuple[str, ...]
    largest: LargestRate
    search: Search | None
    swings: tuple[Swing, ...] = ()


def capacity(
    name: str,
    thresholds: Sequence[str],
    space: Workspace,
    steps: Steps,
    *,
    seed: int,
    budget_usd: float | None = None,
    search: bool = False,
    sensitivity: bool = False,
    graph: Graph | None = None,
) -> Capacity:
    """Find the largest rate that keeps ``thresholds`` (none: those of the environment that the twin predicts).

    Args:
        name: the environment.
        thresholds: conditions such as ``p95_ttft_ms<400``.
        space: where the environment's file is.
        steps: shows progress.
        seed: of all runs.
        budget_usd: monthly cost that the search may not exceed; None: the environment's.
        search: also look for the cheapest configuration.
        sensitivity: also ask which input moves the tightest threshold most.
        graph: the stack, in place of the environment's own program.

    Raises:
        UsageError: a threshold is no condition, or there is none.
        StackError, SimulationError: the environment is invalid, or a metric is not predicted.
    """
    from simulations.capacity import largest_rate

    stack = Stack.read(name, space, steps, graph)
    limits = _limits(thresholds, stack)

    @cache  # the present rate is asked for twice
    def at(factor: float) -> ScenarioResult:
        return _at(stack, factor, seed)

    with steps.step("largest rate") as step:
        found = largest_rate(at, limits)
        step.note(f"{count(found.runs, 'run')}")
    searched = None
    if search:
        with steps.step("cheapest configuration") as step:
            searched = _search(stack, limits, seed, budget_usd if budget_usd is not None else stack.environment.budget.monthly_usd)
            step.note(f"{count(len(searched.tried), 'run')}, {count(searched.space, 'configuration')}")
    swings: tuple[Swing, ...] = ()
    if sensitivity:
        with steps.step("sensitivity") as step:
            swings = _swings(stack, at(1.0), limits, seed)
            step.note(count(len(swings), "input"))
    rate = stack.environment.traffic.rate_per_s
    return Capacity(stack.environment.name, seed, rate, tuple(map(str, limits)), found, searched, swings)


def _limits(thresholds: Sequence[str], stack: Stack) -> list[Threshold]:
    from stacks.environment.thresholds import JOB_METRICS, Threshold

    if not thresholds:
        skipped = {"policy_violations", "monthly_cost_usd", "utilisation", "output_tokens_per_s", *JOB_METRICS}
        found = [threshold for threshold in stack.environment.thresholds if threshold.metric not in skipped]
        if not found:
            raise UsageError(f"{stack.environment.name} has no threshold on latency or failures; give one: --threshold 'p95_ttft_ms<400'")
        return found
    try:
        return [Threshold(text) for text in thresholds]
    except ValueError as error:
        raise UsageError(f"--threshold: {error}") from error


def _at(stack: Stack, factor: float, seed: int) -> ScenarioResult:
    """Run the stack at ``factor`` times its traffic.

    Drawn traffic gets a higher rate, so that a run has as many requests at any rate; a trace keeps its rows and is played faster.
    """
    from simulations.whatif import parse_scenario

    traffic = stack.environment.traffic
    if traffic.trace is None:
        faster = traffic.model_copy(update={"rate_per_s": traffic.rate_per_s * factor})
        scaled = replace(stack, environment=stack.environment.model_copy(update={"traffic": faster}))
        return scaled.answer([], seed=seed, replications=REPLICATIONS)[0]
    questions = [parse_scenario(f"traffic={factor:.9g}x")] if factor != 1 else []
    return stack.answer(questions, seed=seed, replications=REPLICATIONS)[-1]


def _swings(stack: Stack, present: ScenarioResult, limits: Sequence[Threshold], seed: int) -> tuple[Swing, ...]:
    from simulations.capacity import sensitivity
    from simulations.whatif import parse_scenario

    def answer(changed: Stack, scenario: str) -> ScenarioResult:
        return changed.answer([parse_scenario(scenario)] if scenario else [], seed=seed, replications=REPLICATIONS)[-1]

    return sensitivity(present, inputs(stack, answer), limits)


def _search(stack: Stack, limits: Sequence[Threshold], seed: int, budget_usd: float | None) -> Search:
    from simulations.capacity import cheapest
    from simulations.capacity.cheapest import space as families_of
    from simulations.deployed import DeployedEngines
    from stacks.errors import StackError
    from stacks.pricing.costs import monthly_cost

    deployed = DeployedEngines.from_graph(stack.graph)
    own = deployed.spec.slots
    slots: list[int | None] = [None, own * 2] if own == 1 else [own // 2, None, own * 2]
    gpus = [None, *_models(stack, deployed.gpu_model)] if deployed.needs_gpus else [None]
    graphs: dict[Configuration, Graph] = {}

    def price(one: Configuration) -> float | None:
        try:
            graphs[one] = _fitted(stack, one)
            cost = monthly_cost(graphs[one], stack.book)
        except StackError:
            return None
        too_much = budget_usd is not None and cost.monthly_usd > budget_usd
        return None if too_much else cost.monthly_usd

    def run(one: Configuration) -> ScenarioResult:
        return stack.answer([], change=(one.scenario, graphs[one]), seed=seed, replications=REPLICATIONS)[1]

    most = max(8, 2 * len(deployed.replicas))
    return cheapest(families_of(most, slots, gpus), price=price, run=run, thresholds=limits)


def _fitted(stack: Stack, one: Configuration) -> Graph:
    """Return the stack in this configuration, on the nodes that it needs."""
    from simulations.cluster.consolidation import needed_nodes
    from simulations.whatif import parse_scenario
    from simulations.whatif.changes import apply, with_nodes
    from stacks.graph.capacity import nodes
    from stacks.graph.demand import workloads

    changed = apply(parse_scenario(one.scenario), stack.graph, stack.book).graph
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
