"""Engines that run inside a context: one process a replica, each pinned to its own cores, always stopped at the end."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sandtable.jobs.engines.cores import pinned
from sandtable.jobs.engines.tiny_model import ensure_tiny_model

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
    """Start the engines of a graph as a step; see :func:`running`."""
    ensure_tiny_model(deployed.spec.model, steps)
    with ExitStack() as stack:
        with steps.step("engines") as step:
            engines = stack.enter_context(running(deployed.spec, cores, folder, root=space.root, on_wait=steps.say))
            step.note(f"{len(engines)} x llama.cpp with {deployed.spec.slots} slots of {deployed.spec.context_tokens} tokens each")
        yield engines


@contextmanager
def running(spec: EngineSpec, cores: Cores, folder: Path, *, root: Path, on_wait: Callable[[str], None]) -> Iterator[list[EngineProcess]]:
    """Start one engine a replica, each on a free port, and stop them all afterwards; ``on_wait`` receives the reason for any wait.

    Meanwhile this process and the servers of every embedded cluster under ``root`` are pinned to the load generator's cores: their
    background work would slow the engines down by tens of per cent, and by a different amount every minute. Logs go to ``folder``.

    Raises:
        EngineError: one did not start.
        toolchain.CacheError: the lock in the cache cannot be taken.
    """
    from sandtable.local.engine import EngineProcess
    from stacks.clusters import kept_to
    from toolchain import cache_dir

    cache = cache_dir()
    with ExitStack() as stack:
        stack.enter_context(alone(on_wait))
        stack.enter_context(kept_to(cores.generator, root))
        engines = [
            stack.enter_context(EngineProcess(replace(spec, port=0), cpus=set(mine), log=folder / f"engine-{number}.log", cache=cache))
            for number, mine in enumerate(cores.engines)
        ]
        stack.enter_context(pinned(cores.generator))
        yield engines


@contextmanager
def alone(on_wait: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock for measurements on this machine, so that no two share cores; wait for another to end.

    Raises:
        toolchain.CacheError: the lock in the cache cannot be taken.
    """
    from toolchain import cache_dir
    from toolchain.cache import Lock

    lock = Lock(cache_dir() / "locks" / "measurement.lock")
    if not lock.try_acquire():
        on_wait("another command is measuring on this machine; waiting for it to end")
        while not lock.try_acquire():
            time.sleep(_POLL_S)
    try:
        yield
    finally:
        lock.release()
