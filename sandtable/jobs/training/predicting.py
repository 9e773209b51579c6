"""What a training job will take, from a short probe of the same program and the twin's job model.

The probe gives the time of a start, of a step, of a checkpoint and of judging; the model adds what kills and evictions cost.
Start, steps and judging are jobs of the twin, one after the other: the first begins again when it is struck, and so does judging.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

import simpy

from foundation.training.phases import Phase
from sandtable.jobs.training.strikes import Strike
from simulations.training import CheckpointPlan, TrainingJob


@dataclass(frozen=True, slots=True)
class Predicted:
    """Seconds from start to end, and those of them that went into work that lasts."""

    wall_s: float
    lasting_s: float

    @property
    def overhead_share(self) -> float:
        """Share of the time that did not go into work that lasts."""
        return 1 - self.lasting_s / self.wall_s


class _Struck:
    """Machines that are struck at given times of the simulated clock, and are back at once."""

    def __init__(self, environment: simpy.Environment, strikes: Sequence[Strike]) -> None:
        self._environment, self._waiting = environment, sorted(strikes)

    def until_failure_s(self) -> float:
        """Return the time to the next strike."""
        return self._waiting[0].at_s - float(self._environment.now) if self._waiting else float("inf")

    def announced(self) -> bool:
        """Whether the strike that is due gives notice."""
        return self._waiting[0].notice

    def fail(self) -> None:
        """Count the strike, and those that came while a checkpoint was written after its notice."""
        del self._waiting[0]
        while self._waiting and self._waiting[0].at_s < self._environment.now:
            del self._waiting[0]

    def recover(self, _environment: simpy.Environment) -> Generator[simpy.Event]:
        """Wait for nothing."""
        yield from ()


def predict(begins_s: float, phases: Sequence[Phase], strikes: Sequence[Strike]) -> Predicted:
    """Return what a job will take whose program begins ``begins_s`` after its start and then goes through ``phases``."""
    environment = simpy.Environment()
    machines, jobs = _Struck(environment, strikes), list[TrainingJob]()
    following: Callable[[], None] = lambda: None  # noqa: E731  # the last one is followed by nothing
    for plan in reversed([_once(begins_s, restart_s=0.0), *_plans(begins_s, phases)]):
        job = TrainingJob(plan, machines, following, machines.announced)
        jobs.append(job)
        following = _start(job, environment)
    following()
    environment.run()
    return Predicted(float(environment.now), sum(phase.lasting_s for phase in phases))


def _plans(begins_s: float, phases: Sequence[Phase]) -> Iterator[CheckpointPlan]:
    again_s = begins_s
    for phase in phases:
        if phase.steps:
            checkpoint_s = phase.saving_s / max(1, phase.saves)
            yield CheckpointPlan(phase.steps, max(phase.work_s, 1e-9) / phase.steps, phase.every_steps, checkpoint_s, again_s)
        if phase.judging_s:
            yield _once(phase.judging_s, restart_s=again_s)
            again_s += phase.judging_s


def _once(lasts_s: float, *, restart_s: float) -> CheckpointPlan:
    """Return the plan of work that keeps nothing before it has ended."""
    return CheckpointPlan(steps=1, step_s=max(lasts_s, 1e-9), every_steps=1, checkpoint_s=0.0, restart_s=restart_s)


def _start(job: TrainingJob, environment: simpy.Environment) -> Callable[[], None]:
    return lambda: job.start(environment)
