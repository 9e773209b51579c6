"""Sweeps in worker processes: the same answers in the same order, errors that arrive, and no process that stays."""

from __future__ import annotations

import os
import signal
import time

import psutil
import pytest

from simulations.errors import SimulationError
from simulations.sweeps import Here, Workers
from stacks.errors import ConfigurationError


def square(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def refuse(number: int) -> int:
    raise ConfigurationError(f"{number} is refused")


def vanish(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_answers_come_in_the_order_of_the_items_from_other_processes() -> None:
    items = list(range(20))
    with Workers(2) as workers:
        found = workers.map(square, items)
        again = workers.map(square, items)  # the same processes
        alone = workers.map(square, [7])
    assert [answer for answer, _ in found] == [answer for answer, _ in Here().map(square, items)]
    assert os.getpid() not in {pid for _, pid in found}
    assert len({pid for _, pid in (*found, *again)}) <= 2
    assert alone == [(49, os.getpid())]


def test_an_error_of_an_item_is_raised_here() -> None:
    with Workers(2) as workers, pytest.raises(ConfigurationError, match="is refused"):
        workers.map(refuse, [1, 2, 3])


def test_a_worker_that_is_killed_is_an_error_with_a_remedy() -> None:
    with Workers(2) as workers, pytest.raises(SimulationError, match="--workers 1"):
        workers.map(vanish, [1, 2])


def sleep_or_refuse(seconds: float) -> float:
    if not seconds:
        raise ConfigurationError("nothing to do")
    time.sleep(seconds)
    return seconds


def test_what_nobody_waits_for_any_more_is_ended() -> None:
    started: list[psutil.Process] = []

    def abandoned() -> None:
        with Workers(2) as workers:
            workers.map(square, [1, 2])
            started.extend(child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline()))
            workers.map(sleep_or_refuse, [0.0, 600.0, 600.0])

    with pytest.raises(ConfigurationError, match="nothing to do"):
        abandoned()
    assert started
    _, alive = psutil.wait_procs(started, timeout=120)
    assert not alive
