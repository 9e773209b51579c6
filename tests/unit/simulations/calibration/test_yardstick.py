"""The yardstick's laps from what its process has written, and the process until nobody reads it; no work is timed here."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from simulations.calibration import yardstick
from simulations.calibration.yardstick import Yardstick


@pytest.fixture
def written() -> Iterator[tuple[Yardstick, int]]:
    """A yardstick whose process is played, and where to write what the process would."""
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    held: Any = Yardstick({0})
    with os.fdopen(read_end, "rb", buffering=0) as stdout:
        held._child = SimpleNamespace(process=SimpleNamespace(stdout=stdout))
        yield held, write_end
    os.close(write_end)


def test_a_lap_is_the_mean_since_the_last_one_without_its_extremes(written: tuple[Yardstick, int]) -> None:
    held, pipe = written
    os.write(pipe, b"7\n" * 70)  # before the lap
    with held.lap() as lap:
        assert lap.mean_s is None
        os.write(pipe, b"200000\n" * 35 + b"1\n" * 7 + b"300000\n" * 21 + b"90000000\n" * 7 + b"90")
    assert lap.mean_s == pytest.approx((35 * 2e-4 + 21 * 3e-4) / 56)
    with held.lap() as lap:
        os.write(pipe, b"0000\n" + b"100000\n" * 49)
    assert lap.mean_s == pytest.approx(1e-4), "a reading that was cut is put together"


def test_a_cache_that_is_busy_at_times_is_told_before_it_is_so_half_of_the_time(written: tuple[Yardstick, int]) -> None:
    held, pipe = written
    with held.lap() as lap:
        os.write(pipe, b"200000\n" * 70 + b"300000\n" * 30)
    assert lap.mean_s == pytest.approx((60 * 2e-4 + 20 * 3e-4) / 80)


def test_few_readings_and_a_process_that_ended_tell_nothing(written: tuple[Yardstick, int]) -> None:
    held, pipe = written
    with held.lap() as lap:
        pass
    assert lap.mean_s is None
    with held.lap() as lap:
        os.write(pipe, b"200000\n" * 49)
    assert lap.mean_s is None
    with held.lap() as lap:
        os.write(pipe, b"200000\n")
    assert lap.mean_s is None, "what one lap took is no part of the next"


def test_a_process_that_cannot_start_gives_no_laps(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: Any, **__: Any) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", no_room)
    with Yardstick({0}) as held, held.lap() as lap:
        pass
    assert lap.mean_s is None


def test_the_process_works_until_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[bytes] = []
    pauses: list[float] = []
    cores: list[set[int]] = []

    def write(_descriptor: int, line: bytes) -> int:
        if len(lines) == 3:
            raise BrokenPipeError
        lines.append(line)
        return len(line)

    monkeypatch.setattr(os, "write", write)
    monkeypatch.setattr(os, "sched_setaffinity", lambda _pid, cpus: cores.append(cpus), raising=False)
    monkeypatch.setattr(time, "sleep", pauses.append)
    yardstick.main({1})
    assert cores == [{1}]
    assert [int(line) > 0 for line in lines] == [True] * 3
    assert len(pauses) == 3
    assert all(0 <= pause <= 0.3 for pause in pauses)


def test_the_first_of_two_times_is_for_the_caches_and_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    class Matrix:
        def __matmul__(self, _vectors: object) -> None:
            done.append("work")

    def clock() -> int:
        done.append("clock")
        return 0

    def write(_descriptor: int, _line: bytes) -> int:
        raise BrokenPipeError

    monkeypatch.setattr(np, "ones", lambda *_: Matrix())
    monkeypatch.setattr(time, "thread_time_ns", clock)
    monkeypatch.setattr(os, "write", write)
    monkeypatch.setattr(os, "sched_setaffinity", lambda _pid, _cpus: None, raising=False)
    yardstick.main({0})
    assert done == ["work", "clock", "work", "clock"]


def test_what_was_missed_is_not_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a full pipe the work keeps its pace, or it would have the engine's core to itself."""
    times = iter([0.0, 0.01, 300.0, 300.01])
    pauses: list[float] = []

    def write(_descriptor: int, line: bytes) -> int:
        if len(pauses) == 3:
            raise BrokenPipeError
        return len(line)

    monkeypatch.setattr(os, "write", write)
    monkeypatch.setattr(os, "sched_setaffinity", lambda _pid, _cpus: None, raising=False)
    monkeypatch.setattr(time, "monotonic", lambda: next(times))
    monkeypatch.setattr(time, "sleep", pauses.append)
    yardstick.main({0})
    assert pauses == pytest.approx([0.09, 0.0, 0.09])
