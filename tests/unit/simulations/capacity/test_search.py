"""The search for the cheapest configuration, on a queue whose answer is a formula."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from simulations.capacity import Configuration, Search, cheapest
from simulations.capacity.search import Ask, space
from simulations.capacity.search.bounds import ALONE, RATE, Floors
from simulations.capacity.search.spot import Spread
from simulations.serving.port import Work
from stacks.environment.thresholds import Threshold
from tests.unit.simulations.capacity.results import result

LIMIT = [Threshold("p95_ttft_ms < 90")]


def ttft_ms(one: Configuration) -> float:
    return 400 / (one.replicas * (2 if one.gpu == "fast" else 1))


def price(one: Configuration) -> float:
    return one.replicas * (1500.0 if one.gpu == "fast" else 1000.0) * (1 - 0.6 * one.spot)


class Twin:
    """Counts what is run; a short run is ``off`` times as slow as a full one."""

    def __init__(self, off: float = 1.0) -> None:
        self.off = off
        self.runs: Counter[tuple[Configuration, bool]] = Counter()

    def run(self, some: Any, full: bool) -> list[Any]:
        self.runs.update((one, full) for one in some)
        return [result(ttft_ms(one) * (1 if full else self.off), monthly_usd=price(one)) for one in some]

    def search(self, families: Any, *, above: int = 0, **more: Any) -> Search:
        return cheapest(families, Ask(**{"price": price, "run": self.run, **more}), LIMIT, above=above)


@pytest.mark.parametrize("off", [0.5, 1.0, 2.0])
def test_the_cheapest_is_found_with_few_runs_and_confirmed_in_full(off: float) -> None:
    twin, families = Twin(off), space(32, [None], [None, "fast"])
    found = twin.search(families)
    every = [one for family in families for one in family if ttft_ms(one) < 90]
    assert found.best is not None
    assert found.best.full
    if off <= 1:  # short runs that are off to the other side are believed where they miss clearly
        assert found.best.configuration == min(every, key=price) == Configuration(3, gpu="fast")
    assert (found.space, len(found.tried) < 20) == (64, True)
    assert max(twin.runs.values()) == 1
    assert found.space == len(found.tried) + sum(found.settled.values())


def test_a_short_run_decides_only_what_is_far_from_the_limit() -> None:
    twin = Twin()
    twin.search(space(32, [None], [None]))
    full = {one.replicas for one, full in twin.runs if full}
    near = {number for number in range(1, 33) if 0.8 < 400 / number / 90 < 1.25}
    assert full <= near
    assert {one.replicas for one, full in twin.runs if not full} - near


def test_what_more_money_buys_is_simulated_for_the_front() -> None:
    alone, more = (Twin().search(space(32, [None], [None]), above=n) for n in (0, 6))
    assert more.best == alone.best
    assert len(more.tried) == len(alone.tried) + 6
    assert [one.configuration.replicas for one in more.front][:4] == [5, 6, 7, 8]
    assert all(one.full for one in more.front)
    assert more.knee in more.front


def test_configurations_of_several_kinds_that_cost_the_same_are_simulated_in_the_order_of_their_names() -> None:
    found = Twin().search(space(8, [None, 16, 64], [None, "fast"]), above=6)
    dearer = [(one.monthly_usd, one.configuration.scenario) for one in found.tried[-6:]]
    assert dearer == sorted(dearer)
    assert len({usd for usd, _ in dearer}) < len(dearer)


def test_impossible_configurations_are_not_run() -> None:
    twin = Twin()
    found = twin.search(space(8, [None], [None]), price=lambda one: price(one) if one.replicas <= 2 else None)
    assert all(one.replicas <= 2 for one, _ in twin.runs)
    assert (found.best, found.front, found.knee) == (None, (), None)


def test_the_front_has_no_member_that_another_beats() -> None:
    found = Twin().search(space(16, [None, 8], [None]), above=4)
    costs, uses = [one.monthly_usd for one in found.front], [one.use for one in found.front]
    assert costs == sorted(costs)
    assert uses == sorted(uses, reverse=True)
    assert found.knee in found.front


def test_what_a_bound_rules_out_is_not_run() -> None:
    twin = Twin()
    found = twin.search(space(8, [None], [None, "fast"]), bound=lambda one: "hopeless" if one.gpu or one.replicas < 5 else None)
    assert found.best is not None
    assert found.best.configuration == Configuration(5)
    assert all(one.gpu is None and one.replicas >= 5 for one, _ in twin.runs)
    assert found.settled["hopeless"] == 8 + 4


def on_zones(one: Configuration) -> Spread:
    """One replica a node, in three zones by turns; half or all of them on spot nodes."""
    numbers = range(one.replicas)
    spot = [number for number in numbers if int((number + 1) * one.spot) > int(number * one.spot)]
    return Spread(one.replicas - len(spot), Counter(str(number % 3) for number in spot))


def test_spot_nodes_are_cheaper_and_risk_that_too_few_are_there() -> None:
    twin = Twin()
    found = twin.search(space(12, [None], [None]), spread=on_zones)
    assert found.best is not None
    assert found.best.configuration == Configuration(5)
    costs, risks = [one.monthly_usd for one in found.spot], [one.risk for one in found.spot]
    assert costs == sorted(costs)
    assert risks == sorted(risks, reverse=True)
    assert all(one.monthly_usd < found.best.monthly_usd and 0 < one.risk < 1 and one.needed == 5 for one in found.spot)
    first = found.spot[0]
    assert (first.configuration, first.monthly_usd) == (Configuration(5, spot=1.0), pytest.approx(2000))
    assert first.risk == pytest.approx(1 - 0.64**3)  # all three zones are needed
    assert not any(one.spot for one, _ in twin.runs)


def test_nodes_that_stay_carry_no_risk() -> None:
    assert Spread(4, {"a": 2}).risk(4) == 0
    assert Spread(3, {"a": 2}).risk(4) == pytest.approx(0.36)
    assert Spread(3, {}).risk(4) == 1


class Steady:
    """An engine that serves two requests a second, the first token after 80 ms and the last after 500 ms."""

    def busy_share(self, work: Work) -> float:
        return len(work.requests) / 2 / work.over_s

    def alone_s(self, prompt_tokens: int, output_tokens: int) -> tuple[float, float]:
        return 0.08, 0.5


def test_a_bound_is_the_rate_or_the_latency_of_an_idle_engine() -> None:
    floors = Floors(Steady(), Work([(10, 43)] * 100, over_s=10.0))
    assert floors.misses(4, LIMIT) == RATE
    assert floors.misses(5, LIMIT) is None
    for limit, why in (
        ("p50_ttft_ms < 80", ALONE),
        ("p95_e2e_ms <= 500", None),
        ("p95_tpot_ms < 9.9", ALONE),
        ("failed_share < 0.1", None),
    ):
        assert floors.misses(5, [Threshold(limit)]) == why, limit
    # Half of the requests are answered elsewhere, and may be at once: then nothing is known of the median.
    assert replace(floors, others=101).misses(5, [Threshold("p50_ttft_ms < 80")]) is None
    assert replace(floors, others=101).misses(5, [Threshold("p95_ttft_ms < 80")]) == ALONE


def test_a_configuration_is_a_scenario() -> None:
    assert Configuration(2, 8, "L4").scenario == "replicas=2+slots=8+gpu=L4"
    assert Configuration(2).scenario == "replicas=2"
    assert Configuration(2, group=4, spot=0.5).scenario == "replicas=2+tensor-parallel=4+spot-nodes=0.5"
