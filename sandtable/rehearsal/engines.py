"""The engines of a rehearsal: real processes, started as the Deployments say, each pinned to cores of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sandtable.errors import SandtableError

if TYPE_CHECKING:
    from workloads.engine.process import EngineProcess
    from workloads.engine.spec import EngineSpec


_POLL_S: Final = 0.5

#: Share of the load's time that the engines' threads may stand in line for a core: beyond, others are measured too.
WAITED_SHARE_LIMIT: Final = 0.2


class EnginesDoNotFitError(SandtableError):
    """This machine cannot run the engines that the graph deploys without them and the load generator disturbing each other."""


@dataclass(frozen=True)
class Cores:
    """Which cores the engines and the load generator have to themselves."""

    engines: tuple[frozenset[int], ...]
    generator: frozenset[int]


def share_cores(replicas: int, threads: int, available: frozenset[int]) -> Cores:
    """Give each engine ``threads`` cores of its own and keep at least one for the load generator.

    Raises:
        EnginesDoNotFitError: there are too few cores.
    """
    ordered = sorted(available)
    needed = replicas * threads
    if needed + 1 > len(ordered):
        raise EnginesDoNotFitError(
            f"{replicas} engines with {threads} threads and a load generator need {needed + 1} cores; this machine has {len(ordered)}"
        )
    taken = [frozenset(ordered[i * threads : (i + 1) * threads]) for i in range(replicas)]
    return Cores(tuple(taken), frozenset(ordered[needed:]))


@contextmanager
def _pinned(cores: frozenset[int]) -> Iterator[None]:
    """Keep this process on ``cores`` for a while."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def alone(cache: Path, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Be the only one on this machine that measures, so that no two measurements share cores; wait for another to end."""
    from toolchain.cache import Lock

    lock = Lock(cache / "locks" / "measurement.lock")
    if not lock.try_acquire():
        on_wait("another command measures on this machine; waiting for it to end")
        while not lock.try_acquire():
            time.sleep(_POLL_S)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def running(
    spec: EngineSpec, cores: Cores, folder: Path, cache: Path, *, root: Path, on_wait: Callable[[str], None]
) -> Iterator[list[EngineProcess]]:
    """Start one engine a replica, each on a free port, and end them all afterwards; ``on_wait`` is told why nothing starts yet.

    Meanwhile this process and the servers of every embedded cluster beneath ``root`` keep to the load generator's cores: what they do now
    and then would slow the engines down by some tenths, and differently from one minute to the next. Logs go to ``folder``.

    Raises:
        EngineError: one did not start.
        toolchain.CacheError: the lock in the cache cannot be taken.
    """
    from stacks.clusters import kept_to
    from workloads.engine.process import EngineProcess

    with ExitStack() as stack:
        stack.enter_context(alone(cache, on_wait))
        stack.enter_context(kept_to(cores.generator, root))
        engines = [
            stack.enter_context(EngineProcess(replace(spec, port=0), cpus=set(mine), log=folder / f"engine-{number}.log", cache=cache))
            for number, mine in enumerate(cores.engines)
        ]
        stack.enter_context(_pinned(cores.generator))
        yield engines


class Watch:
    """Engines under load, from the moment of its making: what befell them that makes a measurement of them worthless."""

    def __init__(self, engines: Sequence[EngineProcess]) -> None:
        self._engines = tuple(engines)
        self._waited_before_s = self._waited_s()

    def reasons(self, duration_s: float) -> tuple[str, ...]:
        """Return why the load of ``duration_s`` seconds that has just ended does not count; empty where nothing happened."""
        reasons = [f"an engine died during the load: {engine.exit_reason()}" for engine in self._engines if not engine.alive()][:1]
        waited_s = self._waited_s() - self._waited_before_s
        if (waited := waited_s / max(duration_s * len(self._engines), 1e-9)) > WAITED_SHARE_LIMIT:
            reasons.append(
                f"other programs took the engines' cores: their threads waited {waited:.0%} of the time, "
                f"allowed are {WAITED_SHARE_LIMIT:.0%}; run again when the machine is quiet"
            )
        return tuple(reasons)

    def _waited_s(self) -> float:
        return sum(engine.waited_s() for engine in self._engines if engine.alive())
