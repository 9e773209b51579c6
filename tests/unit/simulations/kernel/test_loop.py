"""One clock: order of events, cancelled ones, no effect before its cause, and SimPy's processes among plain events."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial

import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st

from simulations.kernel import CausalityError, Loop, Order, Streams
from simulations.kernel.processes import ProcessEnvironment


def test_events_happen_in_order_of_time_then_order_then_entry() -> None:
    loop, seen = Loop(), list[str]()
    loop.at(2.0, partial(seen.append, "late"))
    loop.at(1.0, partial(seen.append, "arrival"), Order.ARRIVAL)
    loop.at(1.0, partial(seen.append, "step, first"), Order.STEPS)
    loop.at(1.0, partial(seen.append, "step, second"), Order.STEPS)
    loop.run()
    assert seen == ["step, first", "step, second", "arrival", "late"]
    assert loop.now_s == 2.0


def test_an_event_may_cause_another_at_the_same_moment() -> None:
    loop, seen = Loop(), list[float]()
    loop.at(1.0, lambda: loop.at(loop.now_s, lambda: seen.append(loop.now_s)) and None)
    loop.run()
    assert seen == [1.0]


def test_a_cancelled_event_does_not_happen_and_does_not_move_the_clock() -> None:
    loop, seen = Loop(), list[int]()
    event = loop.at(5.0, partial(seen.append, 1))
    event.cancel()
    loop.run()
    assert (seen, loop.now_s) == ([], 0.0)


@pytest.mark.parametrize("at_s", [0.5, float("nan")])
def test_nothing_happens_in_the_past(at_s: float) -> None:
    loop = Loop()
    loop.run(1.0)
    with pytest.raises(CausalityError):
        loop.at(at_s, lambda: None)


def test_what_is_due_later_stays_for_the_next_run() -> None:
    loop, seen = Loop(), list[int]()
    loop.at(3.0, partial(seen.append, 1))
    loop.run(2.0)
    assert (seen, loop.now_s) == ([], 2.0)
    loop.run()
    assert seen == [1]


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, 7)), max_size=30))
def test_the_clock_never_goes_back(events: list[tuple[float, int]]) -> None:
    loop, seen = Loop(), list[float]()
    for at_s, order in events:
        loop.at(at_s, lambda: seen.append(loop.now_s), order)
    loop.run()
    assert seen == sorted(at_s for at_s, _ in events)


def test_processes_and_events_share_the_clock() -> None:
    loop, seen = Loop(), list[tuple[str, float]]()
    environment = ProcessEnvironment(loop)
    door = simpy.Resource(environment, capacity=1)

    def visitor(name: str, stay_s: float) -> Generator[simpy.Event]:
        with door.request() as turn:
            yield turn
            seen.append((name, environment.now))
            yield environment.timeout(stay_s)

    environment.process(visitor("first", 2.0))
    environment.process(visitor("second", 1.0))
    loop.at(1.0, lambda: seen.append(("event", loop.now_s)))
    loop.at(2.0, lambda: environment.process(visitor("third", 1.0)) and None)
    loop.run()
    assert seen == [("first", 0.0), ("event", 1.0), ("second", 2.0), ("third", 3.0)]
    assert loop.now_s == 4.0


def test_an_error_in_a_process_that_nobody_waits_for_ends_the_run() -> None:
    loop = Loop()
    environment = ProcessEnvironment(loop)

    def breaks() -> Generator[simpy.Event]:
        yield environment.timeout(1.0)
        raise ValueError("broken")

    environment.process(breaks())
    with pytest.raises(ValueError, match="broken"):
        loop.run()


def test_a_process_may_be_interrupted_from_an_event() -> None:
    loop, seen = Loop(), list[object]()
    environment = ProcessEnvironment(loop)

    def waits() -> Generator[simpy.Event]:
        try:
            yield environment.timeout(10.0)
        except simpy.Interrupt as interrupt:
            seen.append((interrupt.cause, environment.now))

    process = environment.process(waits())
    loop.at(3.0, lambda: process.interrupt("fault"))
    loop.run(5.0)
    assert seen == [("fault", 3.0)]


def test_streams_depend_on_seed_and_name_alone() -> None:
    first = Streams(7).stream("spot", "pool", "a")
    Streams(7).stream("failures").random()
    assert first.random() == Streams(7).stream("spot", "pool", "a").random()
    assert Streams(7).stream("spot").random() != Streams(8).stream("spot").random() != Streams(8).stream("other").random()
