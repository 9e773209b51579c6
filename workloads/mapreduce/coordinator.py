"""Which task is next, for whom: the decisions of a job, without sockets or clock.

Rule 1: reduce tasks begin when every map task is done.
Rule 2: a task of a worker that is gone is given to another one at once; one that takes too long is given to a second worker as well, and
the first to finish counts ("backup tasks", OSDI 2004, section 3.6).
Rule 3: a task that has failed :data:`MOST_FAILURES` times ends the job.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

MOST_FAILURES: Final = 4
#: A task is late after this many times the median of those that are done, and at least so many seconds.
_LATE_FACTOR: Final = 2.0
_LATE_S: Final = 10.0

Phase = Literal["map", "reduce"]


@dataclass(frozen=True, slots=True, order=True)
class Task:
    """One task: map number ``number``, or reduce of partition ``number``."""

    phase: Phase
    number: int


@dataclass(slots=True)
class _State:
    running: dict[str, float] = field(default_factory=dict)  # worker → since when
    failures: int = 0
    last_error: str = ""
    done: bool = False


class Coordinator:
    """The tasks of one job; ``done`` are those whose output is already there."""

    def __init__(self, maps: int, reduces: int, done: Iterable[Task] = ()) -> None:
        self._tasks: dict[Task, _State] = {
            **{Task("map", number): _State() for number in range(maps)},
            **{Task("reduce", number): _State() for number in range(reduces)},
        }
        self._took_s: dict[Phase, list[float]] = {"map": [], "reduce": []}
        self.reissued = 0
        for task in done:
            self._tasks[task].done = True

    @property
    def finished(self) -> bool:
        """Whether all is done."""
        return all(state.done for state in self._tasks.values())

    @property
    def failed(self) -> tuple[Task, str] | None:
        """The task that failed too often, with its last error."""
        return next(((task, state.last_error) for task, state in self._tasks.items() if state.failures >= MOST_FAILURES), None)

    def counts(self, phase: Phase) -> tuple[int, int]:
        """Return (done, all) of a phase."""
        states = [state for task, state in self._tasks.items() if task.phase == phase]
        return sum(state.done for state in states), len(states)

    def next_for(self, worker: str, now_s: float) -> Task | None:
        """Return a task for ``worker``; None if there is nothing to do at present."""
        phase: Phase = "map" if self.counts("map")[0] < self.counts("map")[1] else "reduce"
        waiting = [(task, state) for task, state in self._tasks.items() if task.phase == phase and not state.done]
        fresh = next(((task, state) for task, state in waiting if not state.running), None)
        chosen = fresh or next(((t, s) for t, s in waiting if worker not in s.running and self._late(t, s, now_s)), None)
        if chosen is None:
            return None
        task, state = chosen
        self.reissued += fresh is None
        state.running[worker] = now_s
        return task

    def succeeded(self, worker: str, task: Task, now_s: float) -> None:
        """Record that the output of a task is there; the second of two workers changes nothing."""
        state = self._tasks[task]
        since = state.running.pop(worker, None)
        if not state.done and since is not None:
            self._took_s[task.phase].append(now_s - since)
        state.done = True
        state.running.clear()

    def failed_at(self, worker: str, task: Task, error: str) -> None:
        """Record an error of a task."""
        state = self._tasks[task]
        state.running.pop(worker, None)
        if not state.done:
            state.failures += 1
            state.last_error = error

    def lost(self, worker: str) -> None:
        """Give the tasks of a worker that is gone to others; that it went is not the task's failure, unless it happens every time."""
        for task, state in self._tasks.items():
            if worker in state.running:
                self.reissued += 1
                self.failed_at(worker, task, f"the worker of {task.phase} {task.number} ended")

    def _late(self, task: Task, state: _State, now_s: float) -> bool:
        took_s = self._took_s[task.phase]
        limit_s = max(_LATE_S, _LATE_FACTOR * statistics.median(took_s)) if took_s else _LATE_S
        return len(state.running) < 2 and now_s - min(state.running.values()) > limit_s
