"""What a training job will take, from a short probe of the same program and the twin's job model.

The probe gives the time of a step, of a checkpoint, of a start, and of the end (scoring); the model adds what kills cost.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import simpy

from simulations.training import CheckpointPlan, TrainingJob

if TYPE_CHECKING:
    from sandtable.jobs.training.running import Run

#: Share of the steps between two checkpoints: the program's own (``workloads/reinforcement``).
CHECKPOINT_SHARE: Final = 10


@dataclass(frozen=True, slots=True)
class Predicted:
    """Seconds from start to end, and the share of them that did not go into work that lasts."""

    wall_s: float
    overhead_share: float


class _Kills:
    """Machines that fail at given times of the simulated clock, and are back at once."""

    def __init__(self, environment: simpy.Environment, times_s: Sequence[float]) -> None:
        self._environment, self._times_s = environment, sorted(times_s)

    def until_failure_s(self) -> float:
        """Return the time to the next one."""
        now = float(self._environment.now)
        return min((time_s - now for time_s in self._times_s if time_s > now), default=float("inf"))

    def fail(self) -> None:
        """Do nothing."""

    def recover(self, _environment: simpy.Environment) -> Generator[simpy.Event]:
        """Wait for nothing."""
        yield from ()


def predict(probe: Run, probe_steps: int, steps: int, kills: Sequence[float], *, seeds: int = 1) -> Predicted:
    """Return what ``seeds`` runs of ``steps`` will take when the process is killed at ``kills`` seconds after its start."""
    said = probe.report
    plan = CheckpointPlan(
        steps=steps * seeds,
        step_s=max(said["work_s"], 1e-9) / probe_steps,
        every_steps=max(1, steps // CHECKPOINT_SHARE),
        checkpoint_s=said["saving_s"] / max(1, said["saves"]),
        restart_s=probe.begins_s,
    )
    environment = simpy.Environment()
    job = TrainingJob(plan, _Kills(environment, [time_s - probe.begins_s for time_s in kills]))
    job.start(environment)
    environment.run()
    ending_s = max(0.0, probe.wall_s - probe.begins_s - said["work_s"] - said["saving_s"])
    wall_s = probe.begins_s + job.books.wall_s + ending_s
    return Predicted(wall_s, 1 - job.books.worked_s / wall_s)
