"""The engines of a rehearsal: real processes, started as the Deployments say, each pinned to cores of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sandtable.errors import SandtableError

if TYPE_CHECKING:
    from workloads.engine.process import EngineProcess
    from workloads.engine.spec import EngineSpec


_POLL_S: Final = 0.5


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
def pinned(cores: frozenset[int]) -> Iterator[None]:
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
def running(spec: EngineSpec, cores: Cores, folder: Path, cache: Path, on_wait: Callable[[str], None]) -> Iterator[list[EngineProcess]]:
    """Start one engine a replica, each on a free port, and end them all afterwards; ``on_wait`` is told why nothing starts yet.

    Raises:
        EngineError: one did not start.
        toolchain.CacheError: the lock in the cache cannot be taken.
    """
    from workloads.engine.process import EngineProcess

    with ExitStack() as stack:
        stack.enter_context(alone(cache, on_wait))
        yield [
            stack.enter_context(EngineProcess(replace(spec, port=0), cpus=set(mine), log=folder / f"engine-{number}.log", cache=cache))
            for number, mine in enumerate(cores.engines)
        ]
