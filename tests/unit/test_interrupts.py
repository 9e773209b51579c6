"""An interrupt that is held back is delivered once, at the end, to whoever would have got it."""

from __future__ import annotations

import asyncio
import inspect
import signal
import threading
from collections.abc import Iterator

import pytest

from foundation.processes.interrupts import held_interrupts, run_coroutine

Got = list[int]


@pytest.fixture
def got(monkeypatch: pytest.MonkeyPatch) -> Iterator[Got]:
    """Numbers of the signals that reached the handler of before."""
    found: Got = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda number, _frame: found.append(number)) for number in numbers}
    yield found
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_comes_once_at_the_end(got: Got, number: int) -> None:
    with held_interrupts():
        signal.raise_signal(number)
        signal.raise_signal(number)
        assert got == []
    assert got == [number]


def test_afterwards_all_is_as_before(got: Got) -> None:
    with held_interrupts():
        pass
    assert got == []
    signal.raise_signal(signal.SIGINT)
    assert got == [signal.SIGINT]


def test_an_error_inside_does_not_lose_it(got: Got) -> None:
    with pytest.raises(OSError, match="full"), held_interrupts():  # noqa: PT012  # the block is what is tested
        signal.raise_signal(signal.SIGINT)
        raise OSError("full")
    assert got == [signal.SIGINT]


def test_what_was_assigned_inside_is_there_when_ctrl_c_is_raised() -> None:
    child = None
    with pytest.raises(KeyboardInterrupt), held_interrupts():  # noqa: PT012  # the block is what is tested
        signal.raise_signal(signal.SIGINT)
        child = 1
    assert child == 1


def test_in_another_thread_it_does_nothing() -> None:
    before = signal.getsignal(signal.SIGINT)
    inside: list[object] = []

    def look() -> None:
        with held_interrupts():
            inside.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert inside == [before]


async def answer() -> int:
    await asyncio.sleep(0)
    return 42


def test_a_coroutine_is_run_as_asyncio_does() -> None:
    assert run_coroutine(answer()) == 42


def test_ctrl_c_while_the_event_loop_is_made_leaves_no_half_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[asyncio.AbstractEventLoop] = []
    new_event_loop = asyncio.events.new_event_loop

    def interrupted() -> asyncio.AbstractEventLoop:
        signal.raise_signal(signal.SIGINT)
        made.append(new_event_loop())
        return made[0]

    monkeypatch.setattr(asyncio.events, "new_event_loop", interrupted)
    main = answer()
    with pytest.raises(KeyboardInterrupt):
        run_coroutine(main)
    assert [loop.is_closed() for loop in made] == [True]
    assert inspect.getcoroutinestate(main) == inspect.CORO_CLOSED, "Python would warn that nobody awaited it"


def test_ctrl_c_while_it_runs_cancels_it() -> None:
    async def interrupted() -> None:
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(60)

    with pytest.raises(KeyboardInterrupt):
        run_coroutine(interrupted())
