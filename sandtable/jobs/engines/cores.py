"""Divides the cores of this machine between the engines and the load generator."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandtable.errors import SandtableError

if TYPE_CHECKING:
    from collections.abc import Iterator


class EnginesDoNotFitError(SandtableError):
    """This machine has too few cores to keep the engines of the graph and the load generator apart."""


@dataclass(frozen=True, slots=True)
class Cores:
    """A set of cores for each engine, and the rest for the load generator."""

    engines: tuple[frozenset[int], ...]
    generator: frozenset[int]


def share_cores(replicas: int, threads: int, available: frozenset[int] | None = None) -> Cores:
    """Give each engine ``threads`` cores and keep at least one for the load generator.

    Args:
        replicas: How many engines.
        threads: How many threads each has.
        available: The cores to share; default: those that this process may use.

    Raises:
        EnginesDoNotFitError: there are too few cores.
    """
    ordered = sorted(os.sched_getaffinity(0) if available is None else available)
    needed = replicas * threads
    if needed + 1 > len(ordered):
        raise EnginesDoNotFitError(
            f"{replicas} engines with {threads} threads and a load generator need {needed + 1} cores; this machine has {len(ordered)}"
        )
    taken = [frozenset(ordered[i * threads : (i + 1) * threads]) for i in range(replicas)]
    return Cores(tuple(taken), frozenset(ordered[needed:]))


@contextmanager
def pinned(cores: frozenset[int]) -> Iterator[None]:
    """Pin this process to ``cores`` inside the context."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
