"""A training job that saves checkpoints and starts from the last one after a failure, as a participant of a run.

Rule 1: the job costs an event for each failure, never one for each step: whole intervals up to the next failure pass at once.
Rule 2: every second from start to end is in exactly one of its books: work that lasts, work that was lost, checkpoints, restarts, waiting
for machines.
Rule 3: a failure may strike during a checkpoint, which is then worthless, and during a restart, which then begins again.
Rule 4: a failure that is announced (an eviction, a spot node's notice) is answered with a checkpoint after the current step, and loses
nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import simpy

from simulations.errors import TwinError
from simulations.kernel.processes import ProcessEnvironment

if TYPE_CHECKING:
    from simulations.training.machines import Machines
    from simulations.world import World


@dataclass(frozen=True, slots=True)
class CheckpointPlan:
    """A job of ``steps`` of ``step_s`` seconds each, with a checkpoint of ``checkpoint_s`` after every ``every_steps`` and at the end.

    A restart, which loads the last checkpoint, takes ``restart_s``.

    Raises:
        TwinError: a number is out of its range; the message names it.
    """

    steps: int
    step_s: float
    every_steps: int
    checkpoint_s: float
    restart_s: float

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("every_steps", 1), ("checkpoint_s", 0), ("restart_s", 0)):
            if not least <= getattr(self, name) < math.inf:
                raise TwinError(f"training job: {name} is {getattr(self, name)}, expected {least} or more")
        if not 0 < self.step_s < math.inf:
            raise TwinError(f"training job: step_s is {self.step_s}, expected more than 0")


@dataclass(slots=True)
class Books:
    """Seconds of a job by what they went to, and its failures. ``ended_s`` is the time of its end, NaN until then."""

    worked_s: float = 0.0
    lost_s: float = 0.0
    saving_s: float = 0.0
    restarting_s: float = 0.0
    waiting_s: float = 0.0
    failures: int = 0
    started_s: float = 0.0
    ended_s: float = math.nan

    @property
    def wall_s(self) -> float:
        """From start to end, NaN while it runs."""
        return self.ended_s - self.started_s

    @property
    def effective_share(self) -> float:
        """Work that lasts, as a share of all time (ETTR)."""
        return self.worked_s / self.wall_s

    @property
    def accounted_s(self) -> float:
        """The sum of all books; equals ``wall_s`` at the end."""
        return math.fsum((self.worked_s, self.lost_s, self.saving_s, self.restarting_s, self.waiting_s))


class TrainingJob:
    """One job on ``machines``; ``books`` grow as it runs, and ``on_end`` is called at its end.

    ``announced`` tells whether the failure that strikes now was announced in time for a checkpoint.
    """

    def __init__(
        self,
        plan: CheckpointPlan,
        machines: Machines,
        on_end: Callable[[], None] = lambda: None,
        announced: Callable[[], bool] = lambda: False,
    ) -> None:
        self.plan, self.machines, self._on_end, self._announced = plan, machines, on_end, announced
        self.books = Books()
        self.saved_steps = 0

    def join(self, world: World) -> None:
        """Start the job now."""
        self.start(ProcessEnvironment(world.loop))

    def start(self, environment: simpy.Environment) -> None:
        """Start the job now, without a world around it."""
        environment.process(self._run(environment))

    def _run(self, environment: simpy.Environment) -> Generator[simpy.Event]:
        books = self.books
        books.started_s = environment.now
        yield from self._wait_for_machines(environment)
        failure_s = self._next_failure_s(environment)
        while self.saved_steps < self.plan.steps:
            busy_s, failed = self._until(failure_s - environment.now)
            yield environment.timeout(busy_s)
            if failed:
                failure_s = yield from self._restart(environment)
        books.ended_s = environment.now
        self._on_end()

    def _until(self, left_s: float) -> tuple[float, bool]:
        """Save what lasts of ``left_s``, lose the rest; return what time passes, and whether it ends in a failure."""
        plan, books = self.plan, self.books
        interval_s = plan.every_steps * plan.step_s + plan.checkpoint_s
        missing = plan.steps - self.saved_steps
        whole, rest = divmod(missing, plan.every_steps)
        needed_s = whole * interval_s + (rest * plan.step_s + plan.checkpoint_s if rest else 0.0)
        if needed_s <= left_s:
            self._save(missing, whole + bool(rest))
            return needed_s, False
        intervals = min(int(left_s / interval_s), whole)
        self._save(intervals * plan.every_steps, intervals)
        rest_s = left_s - intervals * interval_s
        if self._announced():
            steps = min(math.ceil(rest_s / plan.step_s), plan.every_steps, missing - intervals * plan.every_steps)
            self._save(steps, 1)
            return intervals * interval_s + steps * plan.step_s + plan.checkpoint_s, True
        books.lost_s += rest_s
        return left_s, True

    def _save(self, steps: int, checkpoints: int) -> None:
        self.saved_steps += steps
        self.books.worked_s += steps * self.plan.step_s
        self.books.saving_s += checkpoints * self.plan.checkpoint_s

    def _restart(self, environment: simpy.Environment) -> Generator[simpy.Event, None, float]:
        """Go through failures until a restart succeeds; return the time of the next failure."""
        while True:
            self.books.failures += 1
            self.machines.fail()
            yield from self._wait_for_machines(environment)
            failure_s = self._next_failure_s(environment)
            spent_s = min(self.plan.restart_s, failure_s - environment.now)
            self.books.restarting_s += spent_s
            yield environment.timeout(spent_s)
            if environment.now < failure_s:
                return failure_s

    def _wait_for_machines(self, environment: simpy.Environment) -> Generator[simpy.Event]:
        since_s = environment.now
        yield from self.machines.recover(environment)
        self.books.waiting_s += environment.now - since_s

    def _next_failure_s(self, environment: simpy.Environment) -> float:
        return float(environment.now) + self.machines.until_failure_s()
