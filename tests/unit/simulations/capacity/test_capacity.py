"""The search for the largest rate, and what moves the verdict, on a queue whose answer is a formula."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from simulations.capacity import Change, judge, largest_rate, sensitivity
from simulations.errors import SimulationError
from simulations.statistics import Interval
from stacks.environment.thresholds import Threshold
from stacks.errors import ConfigurationError
from tests.unit.simulations.capacity.results import result

LIMIT = [Threshold("p95_ttft_ms < 100")]


def test_the_worse_end_of_the_interval_decides() -> None:
    assert judge(result(95, half=4), LIMIT)[0].holds
    judged = judge(result(95, half=6), LIMIT)[0]
    assert (judged.holds, judged.worst, judged.use) == (False, 101, 1.01)


def test_a_single_replication_is_judged_by_its_value() -> None:
    alone = result(95)
    alone.metrics["p95_ttft_ms"].value = Interval(95, 0, math.inf, 1)
    alone.metrics["good_share"].value = Interval(1.0, 0, 1, 1)
    limits = [*LIMIT, Threshold("failed_share < 0.001")]
    assert [(one.holds, one.worst) for one in judge(alone, limits)] == [(True, 95), (True, 0)]


def test_other_figures_are_judged_by_what_is_known_of_them() -> None:
    texts = ("failed_share <= 0.02", "p99_e2e_ms < 6.5", "monthly_cost_usd < 5")
    failed, p99, cost = judge(result(1, monthly_usd=4), map(Threshold, texts))
    assert failed.worst == pytest.approx(0.02)
    assert (p99.worst, p99.holds) == (6.0, True)  # the upper end is not known
    assert cost.holds
    with pytest.raises(SimulationError, match="does not predict policy_violations"):
        judge(result(1), [Threshold("policy_violations == 0")])


def test_pods_without_a_node_hold_nothing() -> None:
    assert not judge(result(1, unschedulable={"pod": "no node"}), LIMIT)[0].holds


@pytest.mark.parametrize("capacity", [0.3, 1.0, 3.7, 100.0])
def test_the_largest_rate_is_found_to_five_per_cent(capacity: float) -> None:
    rates: list[tuple[float, bool]] = []

    def run(factors: Sequence[float], full: bool) -> list[Any]:
        rates.extend((factor, full) for factor in factors)
        return [result(99.9 * factor / capacity) for factor in factors]

    found = largest_rate(run, LIMIT)
    assert found.factor <= capacity * 1.001 < found.broken_factor <= found.factor * 1.051
    assert max(rates)[0] <= max(4 * capacity, 2)  # never far into overload
    assert (found.factor, True) in rates
    assert found.binding[0].threshold == "p95_ttft_ms < 100"
    assert found.runs == len(rates) < 20


def test_a_rate_that_is_too_large_to_simulate_ends_the_search() -> None:
    def run(factors: Sequence[float], full: bool) -> list[Any]:
        return [ConfigurationError("too many requests") if factor > 8 else result(1) for factor in factors]

    found = largest_rate(run, LIMIT)
    assert (found.factor, found.binding) == (8, ())
    assert math.isnan(found.broken_factor)


def test_nothing_holds() -> None:
    assert largest_rate(lambda factors, _full: [result(1000) for _ in factors], LIMIT).factor == 0


def test_the_input_that_moves_the_tightest_threshold_most_comes_first() -> None:
    limits = [*LIMIT, Threshold("monthly_cost_usd < 100")]

    refused = ConfigurationError("no replica left")
    asked = [
        ("idle", [Change("-20 %", result(50, monthly_usd=10)), Change("+20 %", result(50, monthly_usd=10))]),
        ("money", [Change("twice", result(50, monthly_usd=90))]),
        ("load", [Change("-20 %", result(30)), Change("+20 %", result(140))]),
        ("replicas", [Change("1 less", refused)]),
    ]
    load, money, idle = sensitivity(result(50, monthly_usd=10), asked, limits, ask=lambda answers: answers)
    assert [swing.name for swing in (load, money, idle)] == ["load", "money", "idle"]
    assert (load.base, load.size, idle.size) == (0.5, pytest.approx(1.1), 0.0)
    assert (load.moved[1].holds, load.moved[1].tightest.threshold) == (False, "p95_ttft_ms < 100")
    assert money.moved[0].tightest.threshold == "monthly_cost_usd < 100"


@pytest.mark.parametrize("off", [0.5, 0.7, 1.5])
def test_what_a_short_run_says_is_confirmed_in_full(off: float) -> None:
    found = largest_rate(lambda some, full: [result(99.9 * factor / 3.7 * (1 if full else off)) for factor in some], LIMIT)
    assert found.factor <= 3.71
    assert found.at_factor[0].holds
    if off <= 1:  # a short run that misses clearly is believed, and the answer may then be too low
        assert found.factor > 3.5
