"""A station, customer by customer."""

from __future__ import annotations

from itertools import repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulations.errors import SimulationError
from simulations.kernel import Loop
from simulations.queueing import Station
from simulations.queueing.arrivals import feed
from simulations.queueing.experiment import Queue, steady_state


def run(gaps: list[float], services: list[float], servers: int = 1, room: float = float("inf")) -> tuple[Station, list[float]]:
    loop, waits = Loop(), list[float]()
    drawn = iter(services)
    station = Station(loop, servers, lambda: next(drawn), room=room, on_wait=waits.append)
    feed(loop, station, iter(gaps).__next__, len(gaps))
    loop.run()
    return station, waits


def test_customers_wait_in_order_of_arrival() -> None:
    assert run([1, 1, 1], [3, 3, 3])[1] == [0, 2, 4]
    assert run([1, 1, 1], [3, 3, 3], servers=2)[1] == [0, 0, 1]


def test_one_too_many_is_turned_away() -> None:
    station, waits = run([1, 1, 1], [9, 9], room=2)
    assert (station.arrived, station.served, station.blocked) == (3, 2, 1)
    assert waits == [0, float("inf"), 8]


def test_a_customer_who_comes_as_a_server_falls_free_does_not_wait() -> None:
    assert run([1, 2], [2, 2])[1] == [0, 0]


times = st.lists(st.floats(0, 5), min_size=1, max_size=30)


@settings(max_examples=50, deadline=None)
@given(gaps=times, service=st.floats(0.01, 5), servers=st.integers(1, 4), extra=st.integers(0, 5))
def test_every_path_keeps_littles_law_and_its_customers(gaps: list[float], service: float, servers: int, extra: int) -> None:
    station, waits = run(gaps, list(repeat(service, len(gaps))), servers, servers + extra)
    assert station.arrived == station.served + station.blocked == len(waits)
    assert station.present == 0
    assert station.present_s == pytest.approx(station.stayed_s, rel=1e-9, abs=1e-9)
    assert station.stayed_s == pytest.approx(station.waited_s + station.served * service, rel=1e-9)


def test_a_station_needs_a_server_and_room_for_it() -> None:
    for servers, room in ((0, 1), (2, 1)):
        with pytest.raises(ValueError, match="at least one server"):
            Station(Loop(), servers, float, room=room)


def test_an_overloaded_station_is_refused() -> None:
    queue = Queue("M/D/1", 1, lambda random: random.expovariate(1.5), lambda _: 1.0)
    with pytest.raises(SimulationError, match="do not settle"):
        steady_state(queue, float, precision=0.1)
