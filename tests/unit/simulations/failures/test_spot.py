"""The spot market: its long-run share, the length of its outages, and what its dice depend on."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest

from simulations.failures import MEAN_SPOT_OUTAGE_S, NodeOutage, play, spot_market, starting_points
from stacks.graph.capacity import nodes
from stacks.graph.demand import workloads

MONTH_S = 730 * 3600.0


def market(build: Any, share: float, seed: int, horizon_s: float, count: int = 1) -> Any:
    fleet = nodes(build.graph(*(build.node(f"s-{i}", "spot", "a", purchase="spot") for i in range(count))))
    dice = Random(seed)
    return spot_market(fleet, share, horizon_s=horizon_s, start=dice.random(), random=dice)


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_the_share_is_kept_in_the_long_run(build: Any, share: float) -> None:
    away = sum(min(o.end_s, MONTH_S) - o.start_s for seed in range(20) for o in market(build, share, seed, MONTH_S))
    # 20 months of outages that last an hour: the standard error is below 0.01.
    assert 1 - away / (20 * MONTH_S) == pytest.approx(share, abs=0.03)


def test_outages_last_as_long_as_recorded_ones_on_average(build: Any) -> None:
    lengths = [o.end_s - o.start_s for seed in range(20) for o in market(build, 0.7, seed, MONTH_S)]
    assert sum(lengths) / len(lengths) == pytest.approx(MEAN_SPOT_OUTAGE_S, rel=0.06)


def test_a_run_begins_in_the_steady_state(build: Any) -> None:
    away = sum(bool(market(build, 0.7, seed, 1.0)) for seed in range(2000))
    assert away / 2000 == pytest.approx(0.3, abs=0.03)


def test_the_starts_of_all_replications_together_have_the_share_of_the_market() -> None:
    for seed in range(20):
        starts = starting_points(20, Random(seed))
        assert sum(start >= 0.7 for start in starts) == 6
        assert starts != sorted(starts)
    assert starting_points(20, Random(1)) != starting_points(20, Random(2))


def test_nodes_of_one_market_come_and_go_together(build: Any) -> None:
    outages = market(build, 0.5, 3, MONTH_S, count=2)
    times = {name: [(o.start_s, o.end_s) for o in outages if o.node == name] for name in ("s-0", "s-1")}
    assert times["s-0"] == times["s-1"] != []


def test_always_and_never(build: Any) -> None:
    assert market(build, 1.0, 1, MONTH_S) == ()
    (never,) = market(build, 0.0, 1, MONTH_S)
    assert (never.start_s, never.end_s) == (0.0, math.inf)


def test_announced_losses_need_no_waiting_and_dry_markets_give_no_new_node(build: Any) -> None:
    graph = build.graph(build.node("s-0", "spot", "a", purchase="spot"), build.deployment("ai", 1, "spot", engine=True))
    found = nodes(graph)
    outages = spot_market(found, 0.5, horizon_s=1e5, start=0.0, random=Random(1))
    assert outages[0].start_s > 0
    effects = play(workloads(graph), found, outages[:1], horizon_s=1e5)
    # Down until the node comes back, and then until the engine has started.
    assert [(o.start_s, o.end_s) for o in effects.outages] == [(outages[0].start_s, outages[0].end_s + 60)]


def test_an_announced_pod_moves_to_another_market_at_once(build: Any) -> None:
    fleet = [build.node(f"s-{i}", "spot", zone, purchase="spot") for i, zone in enumerate("ab")]
    graph = build.graph(*fleet, build.deployment("ai", 1, "spot", engine=True))
    lost = (NodeOutage("s-0", 100.0, 5000.0, announced=True, closes_zone=True),)
    effects = play(workloads(graph), nodes(graph), lost, horizon_s=1000)
    assert [(o.start_s, o.end_s) for o in effects.outages] == [(100, 160)]
