"""Engines that run for a while: one process a replica, each pinned to cores of its own, ended however the work ends."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sandtable.jobs.engines.cores import pinned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sandtable.jobs.engines.cores import Cores
    from sandtable.local.engine import EngineProcess
    from sandtable.terminal import Steps
    from sandtable.workspace import Workspace
    from simulations.deployed import DeployedEngines
    from workloads.engine.spec import EngineSpec

_POLL_S: Final = 0.5


@contextmanager
def start_engines(deployed: DeployedEngines, cores: Cores, folder: Path, space: Workspace, steps: Steps) -> Iterator[list[EngineProcess]]:
    """Start the engines that a graph deploys as a step; see :func:`running`."""
    with ExitStack() as stack:
        with steps.step("engines") as step:
            engines = stack.enter_context(running(deployed.spec, cores, folder, root=space.root, on_wait=steps.say))
            step.note(f"{len(engines)} x llama.cpp with {deployed.spec.slots} slots of {deployed.spec.context_tokens} tokens each")
        yield engines


@contextmanager
def running(spec: EngineSpec, cores: Cores, folder: Path, *, root: Path, on_wait: Callable[[str], None]) -> Iterator[list[EngineProcess]]:
    """Start one engine a replica, each on a free port, and end them all afterwards; ``on_wait`` is told why nothing starts yet.

    Meanwhile this process and the servers of every embedded cluster beneath ``root`` keep to the load generator's cores: what they do now
    and then would slow the engines down by some tenths, and differently from one minute to the next. Logs go to ``folder``.

    Raises:
        EngineError: one did not start.
        toolchain.CacheError: the lock in the cache cannot be taken.
    """
    from sandtable.local.engine import EngineProcess
    from stacks.clusters import kept_to
    from toolchain import cache_dir

    cache = cache_dir()
    with ExitStack() as stack:
        stack.enter_context(_alone(cache, on_wait))
        stack.enter_context(kept_to(cores.generator, root))
        engines = [
            stack.enter_context(EngineProcess(replace(spec, port=0), cpus=set(mine), log=folder / f"engine-{number}.log", cache=cache))
            for number, mine in enumerate(cores.engines)
        ]
        stack.enter_context(pinned(cores.generator))
        yield engines


@contextmanager
def _alone(cache: Path, on_wait: Callable[[str], None]) -> Iterator[None]:
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
