"""A yardstick for the cores that an engine runs on: the same piece of work, timed ten times a second in a separate process.

A shared machine's speed moves by a tenth and more within a minute, and nothing inside of it says so: its neighbours take cache and memory
bandwidth, not time slices. The engine's own times cannot tell a slow machine from a wrong model. The yardstick can, for it knows nothing
of any load: a matrix of 2 MB times 32 vectors, which leaves about as much of its time to the shared cache as generating tokens does, for
1 to 2 % of one core. The work is done twice and only the second time counts: the first brings back from memory what an engine at work
never leaves there, and memory has episodes of seconds in which it takes five times as long while no engine is slower.
Over 24 mixed loads of 20 s, most beside a program that took memory bandwidth, its mean moved with the engine's speed (correlation 0.92,
elasticity 0.76; ADR 16).

``python -m simulations.calibration.yardstick 0,1`` keeps to the cores 0 and 1 and writes a line of nanoseconds each
time, until nobody reads them.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final, Self

from foundation.processes.child import Child
from foundation.processes.python import python_environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType

_EVERY_S: Final = 0.1
_SHAPE: Final = (512, 1024)
"""Of the matrix, 4 bytes a number: more than a core's own cache keeps, little for the cache they share."""
_VECTORS: Final = 32
_TRIMMED: Final = 0.1
"""Share of the readings at each end that count for nothing: a guest does not see that its host took the core away in the middle of one."""
_FEWEST: Final = 50
"""Readings of a lap; with fewer the mean moves by chance."""


@dataclass(slots=True)
class Lap:
    """A period of time, and the mean seconds that the work took in it; None before its end, or with too few readings."""

    mean_s: float | None = None


class Yardstick:
    """The process, pinned to ``cpus`` from entry to exit. If it does not start or dies there are no results, and nothing else fails."""

    def __init__(self, cpus: Iterable[int]) -> None:
        self._cpus = ",".join(map(str, sorted(cpus)))
        self._child: Child | None = None
        self._rest = b""

    def __enter__(self) -> Self:
        """Start it."""
        command = [sys.executable, "-m", __name__, self._cpus]
        child = Child(command, env=python_environment(), stdout=subprocess.PIPE, grace_s=0)
        with contextlib.suppress(OSError):
            self._child = child.start()
            os.set_blocking(self._stdout(child).fileno(), False)  # a lap waits for nothing
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """End it."""
        if self._child is not None:
            self._child.stop()
            self._stdout(self._child).close()

    @contextlib.contextmanager
    def lap(self) -> Iterator[Lap]:
        """Time the body of the context; the lap has its mean after the end.

        The pipe holds a quarter of an hour of readings: of a longer lap its beginning counts.
        """
        self._read()  # what came before is no part of it
        lap = Lap()
        try:
            yield lap
        finally:
            lap.mean_s = trimmed_mean_s(self._read())

    def _read(self) -> list[int]:
        """Return the readings since the last time, in nanoseconds."""
        if self._child is None:
            return []
        *lines, self._rest = (self._rest + (self._stdout(self._child).read() or b"")).split(b"\n")
        return [int(line) for line in lines]

    @staticmethod
    def _stdout(child: Child) -> IO[bytes]:
        assert child.process.stdout is not None
        return child.process.stdout


def trimmed_mean_s(readings_ns: Sequence[int]) -> float | None:
    """Return the trimmed mean of ``readings_ns`` in seconds; None if they are too few.

    A mean, because a busy cache makes more readings slow rather than all of them slower: the median stays until half of them are.
    """
    if len(readings_ns) < _FEWEST:
        return None
    outer = round(_TRIMMED * len(readings_ns))
    return statistics.fmean(sorted(readings_ns)[outer : len(readings_ns) - outer]) / 1e9


def main(cpus: set[int]) -> None:
    """Time the work and write the times, until nobody reads them."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    import numpy as np

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cpus)
    matrix, vectors = np.ones(_SHAPE, np.float32), np.ones((_SHAPE[1], _VECTORS), np.float32)
    due = time.monotonic()
    while True:
        matrix @ vectors  # for the caches
        begin = time.thread_time_ns()
        matrix @ vectors  # only the time matters
        took = time.thread_time_ns() - begin
        try:
            os.write(1, b"%d\n" % took)
        except OSError:
            return
        # What was missed, while the pipe was full, is not made up for: it would take the engine's core for seconds.
        now = time.monotonic()
        due = max(due + _EVERY_S, now)
        time.sleep(due - now)


if __name__ == "__main__":
    main({int(core) for core in sys.argv[1].split(",")})
