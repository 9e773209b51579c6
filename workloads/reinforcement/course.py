"""What every algorithm does besides learning: keep checkpoints, answer a stop, report, and know when it has diverged.

Rule 1: a checkpoint is the whole state: parameters, optimiser, replay, random generators, the episodes under way. A resumed run ends with
the same bits as one that was never stopped.
Rule 2: the last checkpoint was written before a loss that is not finite.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from foundation.training import Checkpoint, StopRequest, Times, load_checkpoint, restoring, save_checkpoint
from workloads.reinforcement.errors import DivergedError

Curve = list[tuple[float, float]]
Point = Callable[[int, float], None]


class Stopped(Exception):  # noqa: N818  # no error: somebody asked for it
    """The run was asked to stop, and has written its checkpoint."""


@dataclass
class Course:
    """The course of one run.

    ``checkpoint`` is its file (None: nothing is kept), written every ``every_steps`` steps; an existing one is resumed. ``stop`` is asked
    at each step, ``on_point`` gets each point of the learning curve: step and mean reward.
    """

    checkpoint: Path | None = None
    every_steps: int = 10_000
    stop: StopRequest | None = None
    on_point: Point | None = None
    curve: Curve = field(default_factory=list)
    times: Times = field(default_factory=Times)
    _saved_at: int = 0

    def begin(self, kind: str, recipe: Mapping[str, Any]) -> Checkpoint | None:
        """Return the checkpoint to go on from, or None to begin anew.

        Raises:
            CheckpointError: there is one, but not of this run.
        """
        self._kind, self._recipe, self.times = kind, dict(recipe), Times()
        if self.checkpoint is None or not self.checkpoint.exists():
            return None
        found = load_checkpoint(self.checkpoint, kind, recipe)
        with self.restoring():
            self._saved_at = found.facts["step"]
            self.times.restore(found.facts["times"])
            self.curve[:] = [(step, reward) for step, reward in found.facts["curve"]]
        return found

    def restoring(self) -> AbstractContextManager[None]:
        """Return a block that reads the checkpoint's content; it raises ``CheckpointError`` where that is not what was looked for."""
        return restoring(self.checkpoint or Path())

    def point(self, step: int, reward: float) -> None:
        """Add a point to the learning curve."""
        self.curve.append((step, reward))
        if self.on_point is not None:
            self.on_point(step, reward)

    def after(self, step: int, state: Callable[[], tuple[dict[str, Any], dict[str, Any]]], *, last: bool) -> None:
        """Write a checkpoint if one is due; ``state`` gives its arrays and facts.

        Raises:
            Stopped: a stop was requested; the checkpoint is written.
            CheckpointError: it cannot be written.
        """
        stopping = self.stop is not None and self.stop.requested and not last
        if self.checkpoint is not None and (stopping or last or step - self._saved_at >= self.every_steps):
            with self.times.saving():
                arrays, facts = state()
                facts |= {"step": step, "curve": self.curve, "times": self.times.said()}
                save_checkpoint(self.checkpoint, Checkpoint(self._kind, self._recipe, facts, arrays))
            self._saved_at = step
        if stopping:
            raise Stopped(f"stopped after step {step}; {self._kept()}")

    def check(self, step: int, loss: float) -> None:
        """Raise :class:`DivergedError` if ``loss`` is not finite."""
        if not math.isfinite(loss):
            raise DivergedError(f"step {step}: the loss is {loss}; {self._kept()}; lower the learning rate")

    def _kept(self) -> str:
        if self.checkpoint is None or not self._saved_at:
            return "no checkpoint was written"
        return f"the checkpoint of step {self._saved_at} is kept in {self.checkpoint}"


def generator_state(generator: np.random.Generator) -> dict[str, Any]:
    """Return the state of a NumPy generator as JSON values."""
    return dict(generator.bit_generator.state)


def restored_generator(state: Mapping[str, Any]) -> np.random.Generator:
    """Return a generator that goes on from ``state``."""
    generator = np.random.default_rng()
    generator.bit_generator.state = state
    return generator
