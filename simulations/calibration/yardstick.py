"""A yardstick for the cores that an engine runs on: the same piece of work, timed ten times a second in a separate process.

The speed of a shared machine changes by 10 % and more within a minute, and no counter inside it shows that: its neighbours take cache and
memory bandwidth, not time slices. The engine's own times cannot tell a slow machine from a wrong model. The yardstick can, because it does
not depend on the load. It multiplies a 2 MB matrix by 32 vectors, which depends on the shared cache about as much as token generation does,
and costs 1 to 2 % of one core. The work is done twice and only the second run counts: the first loads the data back into the cache, where a
busy engine would keep it. Memory can be five times slower for seconds without any effect on an engine. Over 24 mixed loads of 20 s, most
next to a program that used memory bandwidth, its mean tracked the engine's speed (correlation 0.92, elasticity 0.76; ADR 16).

``python -m simulations.calibration.yardstick 0,1`` pins itself to cores 0 and 1 and writes each time as a line in nanoseconds, until the
reader goes away.
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
"""Size of the matrix, with 4 bytes a number: larger than a core's private cache, small for the shared one."""
_VECTORS: Final = 32
_TRIMMED: Final = 0.1
"""Share of the readings trimmed at each end: a guest cannot see when its host deschedules it during a reading."""
_FEWEST: Final = 50
"""Minimum readings of a lap; with fewer the mean is too noisy."""


@dataclass(slots=True)
class Lap:
    """A period and the mean time of the work in it, in seconds; None before its end or with too few readings."""

    mean_s: float | None = None


class Yardstick:
    """The process, pinned to ``cpus`` from entry to exit. If it does not start or dies, there are no results, but nothing else fails."""

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
            os.set_blocking(self._stdout(child).fileno(), False)  # reading never blocks a lap
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """End it."""
        if self._child is not None:
            self._child.stop()
            self._stdout(self._child).close()

    @contextlib.contextmanager
    def lap(self) -> Iterator[Lap]:
        """Time the body of the context; the lap has its mean afterwards.

        The pipe holds a quarter of an hour of readings, so only the beginning of a longer lap counts.
        """
        self._read()  # discard readings from before the lap
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

    A mean, because a busy cache makes more readings slow, not all of them slower. The median would not move until half are slow.
    """
    if len(readings_ns) < _FEWEST:
        return None
    outer = round(_TRIMMED * len(readings_ns))
    return statistics.fmean(sorted(readings_ns)[outer : len(readings_ns) - outer]) / 1e9


def main(cpus: set[int]) -> None:
    """Time the work and write the times until the reader goes away."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    import numpy as np

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cpus)
    matrix, vectors = np.ones(_SHAPE, np.float32), np.ones((_SHAPE[1], _VECTORS), np.float32)
    due = time.monotonic()
    while True:
        matrix @ vectors  # warm the caches
        begin = time.thread_time_ns()
        matrix @ vectors  # only the time matters, not the result
        took = time.thread_time_ns() - begin
        try:
            os.write(1, b"%d\n" % took)
        except OSError:
            return
        # Do not catch up after the pipe was full: that would occupy the engine's core for seconds.
        now = time.monotonic()
        due = max(due + _EVERY_S, now)
        time.sleep(due - now)


if __name__ == "__main__":
    main({int(core) for core in sys.argv[1].split(",")})
