"""Scenarios against each other, not only against the baseline.

Rule 1: replication k of every scenario has the same requests, so the difference is taken pair by pair, as with the baseline.
Rule 2: the price of a month is arithmetic, so its difference has no interval; that of a token depends on the requests, and has one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from simulations.statistics import compare
from simulations.whatif.results import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulations.statistics import Comparison
    from simulations.whatif.results import ScenarioResult


@dataclass(frozen=True, slots=True)
class Pair:
    """What ``second`` changes against ``first``. ``monthly_usd`` is None if either has nodes without a price."""

    first: str
    second: str
    metrics: Mapping[str, Comparison]
    monthly_usd: float | None


def pairs(results: Sequence[ScenarioResult]) -> tuple[Pair, ...]:
    """Compare every two of ``results``, in their order. They are of one run, so that their replications are paired."""
    return tuple(_pair(first, second) for first, second in combinations(results, 2))


def _pair(first: ScenarioResult, second: ScenarioResult) -> Pair:
    metrics = {name: compare(second.values[name], first.values[name], lower_is_better=lower) for name, lower in METRICS.items()}
    unpriced = first.cost.unpriced or second.cost.unpriced
    return Pair(first.name, second.name, metrics, None if unpriced else second.cost.monthly_usd - first.cost.monthly_usd)
