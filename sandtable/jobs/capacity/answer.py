"""How much traffic an environment holds, the cheapest configuration that holds what it has, and what moves the verdict most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sandtable.errors import UsageError
from sandtable.jobs.capacity.configurations import REPLICATIONS, at_rate
from sandtable.jobs.capacity.inputs import inputs
from sandtable.jobs.capacity.risk import risk_curves
from sandtable.jobs.capacity.search import search as find_cheapest
from sandtable.jobs.whatif import Stack
from sandtable.report.words.quantities import count

if TYPE_CHECKING:
    from sandtable.terminal import Steps
    from sandtable.workspace import Workspace
    from simulations.capacity import LargestRate, Risk, Search, Swing
    from simulations.sweeps import Sweep
    from simulations.whatif.results import ScenarioResult
    from stacks.environment.thresholds import Threshold
    from stacks.errors import ConfigurationError
    from stacks.graph import Graph


@dataclass(frozen=True, slots=True)
class Capacity:
    """The answer: the largest rate; search, swings and risks if they were asked for. ``rate_per_s`` is the environment's own."""

    environment: str
    seed: int
    rate_per_s: float
    thresholds: tuple[str, ...]
    largest: LargestRate
    search: Search | None
    swings: tuple[Swing, ...] = ()
    risks: tuple[Risk, ...] = ()


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
    risk: bool = False,
    graph: Graph | None = None,
    sweep: Sweep | None = None,
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
        risk: also ask how likely a threshold is missed, by rate and by cost.
        graph: the stack, in place of the environment's own program.
        sweep: what runs the simulations that do not depend on each other; None: this process.

    Raises:
        UsageError: a threshold is no condition, or there is none.
        StackError, SimulationError: the environment is invalid, or a metric is not predicted.
    """
    from simulations.capacity import largest_rate
    from simulations.capacity import sensitivity as sensitivity_to
    from simulations.sweeps import Here
    from simulations.whatif.inquiry import given, last_result

    stack = Stack.read(name, space, steps, graph)
    limits = _limits(thresholds, stack)
    ask = partial((sweep or Here()).map, last_result)

    def at(factors: Sequence[float], full: bool) -> Sequence[ScenarioResult | ConfigurationError]:
        return ask([at_rate(stack, factor, seed, REPLICATIONS if full else 1) for factor in factors])

    with steps.step("largest rate") as step:
        found = largest_rate(at, limits)
        step.note(f"{count(found.runs, 'run')}")
    searched = None
    if search:
        with steps.step("cheapest configuration") as step:
            budget = budget_usd if budget_usd is not None else stack.environment.budget.monthly_usd
            searched = find_cheapest(stack, limits, seed, budget, ask)
            step.note(f"{count(len(searched.tried), 'run')} for {count(searched.space, 'configuration')}")
    swings: tuple[Swing, ...] = ()
    if sensitivity:
        with steps.step("sensitivity") as step:
            present = given(last_result(at_rate(stack, 1.0, seed)))
            swings = sensitivity_to(present, inputs(stack, seed=seed, replications=REPLICATIONS), limits, ask)
            step.note(count(len(swings), "input"))
    risks: tuple[Risk, ...] = ()
    if risk:
        with steps.step("risk") as step:
            risks = risk_curves(stack, limits, seed, found, ask)
            step.note(count(len(risks), "point"))
    rate = stack.environment.traffic.rate_per_s
    return Capacity(stack.environment.name, seed, rate, tuple(map(str, limits)), found, searched, swings, risks)


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
