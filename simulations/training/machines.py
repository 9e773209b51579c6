"""The machines of a training job, as the job sees them: when they fail, and when it has them again."""

from __future__ import annotations

from collections.abc import Generator
from random import Random
from typing import Protocol

import simpy


class Machines(Protocol):
    """What a job runs on. A failure of any machine stops the job."""

    def until_failure_s(self) -> float:
        """Draw the time from now until the next failure while the machines work."""

    def fail(self) -> None:
        """One of them has failed now."""

    def recover(self, environment: simpy.Environment) -> Generator[simpy.Event]:
        """Wait until the job has all its machines; also called before its start."""


class MemorylessMachines:
    """Machines that are back at once; they fail as a Poisson process with ``mtbf_s`` between failures of any of them."""

    def __init__(self, mtbf_s: float, random: Random) -> None:
        self._rate_per_s, self._random = 1 / mtbf_s, random

    def until_failure_s(self) -> float:
        """Draw from the exponential distribution."""
        return self._random.expovariate(self._rate_per_s)

    def fail(self) -> None:
        """Do nothing."""

    def recover(self, environment: simpy.Environment) -> Generator[simpy.Event]:  # noqa: ARG002  # there is nothing to wait for
        """Wait for nothing."""
        yield from ()
