from random import Random

import pytest

from simulations.backlog import Backlog


def queue(rate_per_s: float, capacity_per_s: float, *, until_s: float = 300.0, places: int = 10, seed: int = 1) -> Backlog:
    """Poisson arrivals at a server of fixed speed; returned is the backlog as it was watched, up to its verdict."""
    dice, backlog = Random(seed), Backlog(places)
    now = free = 0.0
    ends: list[float] = []
    while now < until_s and backlog.grows_per_s is None:
        now += dice.expovariate(rate_per_s)
        while ends and ends[0] <= now:
            ends.pop(0)
            backlog.end(good=True)
        free = max(free, now) + 1 / capacity_per_s
        ends.append(free)
        backlog.arrive(now)
    return backlog


@pytest.mark.parametrize("excess", [1.2, 2.0, 10.0])
def test_arrivals_that_are_too_many_are_seen_by_their_slope_and_what_would_hold_is_said(excess: float) -> None:
    backlog = queue(20 * excess, 20)
    assert backlog.grows_per_s == pytest.approx(20 * (excess - 1), rel=0.25)
    assert backlog.holds_per_s == pytest.approx(20, rel=0.1)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("load", [0.3, 0.8, 0.95])
def test_a_queue_that_is_busy_but_holds_is_no_overload(load: float, seed: int) -> None:
    assert queue(20 * load, 20, seed=seed).grows_per_s is None


def test_requests_that_all_come_at_once_have_no_slope() -> None:
    backlog = Backlog(2)
    for _ in range(5000):
        backlog.arrive(0.0)
    assert backlog.grows_per_s is None
