"""How likely a threshold is missed: around the largest rate that holds, and at the present rate by the number of replicas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from sandtable.jobs.capacity.configurations import at_rate, fitted
from stacks.errors import ConfigurationError

if TYPE_CHECKING:
    from sandtable.jobs.capacity.configurations import Ask
    from sandtable.jobs.whatif import Stack
    from simulations.capacity import LargestRate, Risk
    from stacks.environment.thresholds import Threshold

#: For a probability each replication is one draw, so there are more than for a mean.
REPLICATIONS = 20
#: Multiples of the largest rate that holds.
SHARES = (0.6, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5)
#: How many replicas more, and fewer, than now.
REPLICAS = 2


def risk_curves(stack: Stack, limits: Sequence[Threshold], seed: int, largest: LargestRate, ask: Ask) -> tuple[Risk, ...]:
    """Return the risk around the largest rate that holds, then at the present rate by the number of replicas and what they cost."""
    from simulations.capacity import risk
    from simulations.deployed import DeployedEngines
    from simulations.whatif import parse_scenario

    centre = largest.factor or largest.broken_factor
    factors = [centre * share for share in SHARES]
    present = len(DeployedEngines.from_graph(stack.graph).replicas)
    numbers = range(max(1, present - REPLICAS), present + REPLICAS + 1)
    asked = [at_rate(stack, factor, seed, REPLICATIONS) for factor in factors]
    asked += [
        replace(stack, graph=fitted(stack, parse_scenario(f"replicas={number}"))).inquiry(seed=seed, replications=REPLICATIONS)
        for number in numbers
    ]
    asked = [replace(one, exactly=True) for one in asked]
    points: list[tuple[Literal["rate", "replicas"], float]] = [("rate", factor) for factor in factors]
    points += [("replicas", float(number)) for number in numbers]
    answers = zip(points, ask(asked), strict=True)
    return tuple(risk(by, at, answer, limits) for (by, at), answer in answers if not isinstance(answer, ConfigurationError))
