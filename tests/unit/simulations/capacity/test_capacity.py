"""The searches for rates and configurations, on a queue whose answer is a formula."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

from simulations.capacity import Change, Configuration, cheapest, judge, largest_rate, sensitivity
from simulations.capacity.cheapest import space
from simulations.errors import SimulationError
from simulations.statistics import Interval
from stacks.environment.thresholds import Threshold
from stacks.errors import ConfigurationError

LIMIT = [Threshold("p95_ttft_ms < 100")]


def result(ttft_ms: float, *, half: float = 0.0, monthly_usd: float = 0.0, unschedulable: Any = None) -> Any:
    found = Interval(ttft_ms, ttft_ms - half, ttft_ms + half, 5)
    good = Interval(0.99, 0.98, 1.0, 5)
    return SimpleNamespace(
        metrics={"p95_ttft_ms": SimpleNamespace(value=found), "good_share": SimpleNamespace(value=good)},
        outcome=SimpleNamespace(e2e_ms=SimpleNamespace(p99=7.0, ci95={"p99": (6.0, math.inf)})),
        cost=SimpleNamespace(monthly_usd=monthly_usd),
        unschedulable=unschedulable or {},
    )


def test_the_worse_end_of_the_interval_decides() -> None:
    assert judge(result(95, half=4), LIMIT)[0].holds
    judged = judge(result(95, half=6), LIMIT)[0]
    assert (judged.holds, judged.worst, judged.use) == (False, 101, 1.01)


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
    rates: list[float] = []

    def run(factor: float) -> Any:
        rates.append(factor)
        return result(99.9 * factor / capacity)

    found = largest_rate(run, LIMIT)
    assert found.factor <= capacity * 1.001 < found.broken_factor <= found.factor * 1.051
    assert max(rates) <= max(2 * capacity, 1)  # never far into overload
    assert found.binding[0].threshold == "p95_ttft_ms < 100"
    assert found.runs == len(rates) < 20


def test_a_rate_that_is_too_large_to_simulate_ends_the_search() -> None:
    def run(factor: float) -> Any:
        if factor > 8:
            raise ConfigurationError("too many requests")
        return result(1)

    found = largest_rate(run, LIMIT)
    assert (found.factor, found.binding) == (8, ())
    assert math.isnan(found.broken_factor)


def test_nothing_holds() -> None:
    assert largest_rate(lambda _: result(1000), LIMIT).factor == 0


def ttft_ms(one: Configuration) -> float:
    return 400 / (one.replicas * (2 if one.gpu == "fast" else 1))


def price(one: Configuration) -> float:
    return one.replicas * (1500.0 if one.gpu == "fast" else 1000.0)


def results(some: Any) -> list[Any]:
    return [result(ttft_ms(one), monthly_usd=price(one)) for one in some]


def test_the_cheapest_is_found_with_few_runs() -> None:
    families = space(32, [None], [None, "fast"])
    found = cheapest(families, price=price, run=results, thresholds=[Threshold("p95_ttft_ms < 90")])
    every = [one for family in families for one in family if ttft_ms(one) < 90]
    assert found.best is not None
    assert found.best.configuration == min(every, key=price) == Configuration(3, gpu="fast")
    assert (found.space, len(found.tried) < 16) == (64, True)


def test_what_more_money_buys_is_simulated_for_the_front() -> None:
    limits = [Threshold("p95_ttft_ms < 90")]
    alone, more = (cheapest(space(32, [None], [None]), price=price, run=results, thresholds=limits, above=n) for n in (0, 6))
    assert (more.best, len(more.tried)) == (alone.best, len(alone.tried) + 6)
    assert more.best is not None
    assert [one.configuration.replicas for one in more.front][:4] == [5, 6, 7, 8]
    assert more.knee in more.front


def test_configurations_of_several_kinds_that_cost_the_same_are_simulated_in_the_order_of_their_names() -> None:
    limits = [Threshold("p95_ttft_ms < 90")]
    found = cheapest(space(8, [None, 16, 64], [None, "fast"]), price=price, run=results, thresholds=limits, above=6)
    assert found.best is not None
    dearer = [(one.monthly_usd, one.configuration.scenario) for one in found.tried[-6:]]
    assert dearer == sorted(dearer)
    assert len({usd for usd, _ in dearer}) < len(dearer)


def test_impossible_configurations_are_not_run() -> None:
    def run(some: Any) -> Any:
        assert all(one.replicas <= 2 for one in some)
        return results(some)

    found = cheapest(space(8, [None], [None]), price=lambda one: price(one) if one.replicas <= 2 else None, run=run, thresholds=LIMIT)
    assert found.best is None
    assert found.front == ()
    assert found.knee is None


def test_the_front_has_no_member_that_another_beats() -> None:
    found = cheapest(space(16, [None, 8], [None]), price=price, run=results, thresholds=LIMIT)
    costs, uses = [one.monthly_usd for one in found.front], [one.use for one in found.front]
    assert costs == sorted(costs)
    assert uses == sorted(uses, reverse=True)
    assert found.knee in found.front


def test_a_configuration_is_a_scenario() -> None:
    assert Configuration(2, 8, "L4").scenario == "replicas=2+slots=8+gpu=L4"
    assert Configuration(2).scenario == "replicas=2"


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
