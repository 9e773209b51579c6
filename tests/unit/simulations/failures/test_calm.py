"""A backlog that grows while a replica is away is no overload; one that grows beside that is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from simulations.backlog import Backlog
from simulations.failures import Calm, Outage
from simulations.kernel import Loop, Order


def overload_seen(*outages: Outage, per_s: int = 20, from_s: float = 0.0, until_s: float = 200.0) -> float | None:
    """Requests arrive from one time to another and never end; return when that is called an overload."""
    loop, backlog = Loop(), Backlog(4)
    world: Any = SimpleNamespace(loop=loop)
    Calm(backlog, outages, replicas=2, slots=2).join(world)

    def arrive(at_s: float) -> None:
        if backlog.grows_per_s is None and at_s < until_s:
            backlog.arrive(at_s)
            loop.at(at_s + 1 / per_s, lambda: arrive(at_s + 1 / per_s), Order.ARRIVAL)

    loop.at(from_s, lambda: arrive(from_s), Order.ARRIVAL)
    loop.run()
    return backlog.seen_s


def test_an_overload_before_an_outage_is_seen_at_once() -> None:
    assert overload_seen(Outage("a", 100.0)) == overload_seen() == pytest.approx(40, abs=1)


def test_a_backlog_that_grows_during_an_outage_is_judged_afterwards_and_from_nothing() -> None:
    seen = overload_seen(Outage("a", 20.0, 90.0))
    assert seen == pytest.approx(130, abs=2)
    assert overload_seen(Outage("a", 20.0, 90.0), until_s=90.0) is None
    assert overload_seen(Outage("a", 20.0)) is None


def test_what_is_away_from_the_start_is_a_steady_state() -> None:
    assert overload_seen(Outage("a", 0.0)) == pytest.approx(40, abs=1)
