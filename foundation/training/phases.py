"""The phases of a training job as its program reports them: what the twin's job model is made from, and what a measurement says.

A program goes through its phases one after the other: it takes steps with checkpoints, then judges the result. Steps that a checkpoint has
kept are not repeated after a kill; judging is, for every phase again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from foundation.training.times import Times


@dataclass(frozen=True)
class Phase:
    """``steps`` with a checkpoint every ``every_steps`` and at the end, and the seconds that they took; then ``judging_s``.

    A phase without steps only judges.
    """

    name: str
    steps: int = 0
    every_steps: int = 1
    work_s: float = 0.0
    saving_s: float = 0.0
    saves: int = 0
    judging_s: float = 0.0

    @classmethod
    def of(cls, name: str, steps: int, every_steps: int, times: Times, judging_s: float = 0.0) -> Self:
        """Return the phase that took ``times``."""
        return cls(name, steps, every_steps, times.work_s, times.saving_s, times.saves, judging_s)

    @property
    def lasting_s(self) -> float:
        """Seconds whose result is in the outcome."""
        return self.work_s + self.judging_s

    def scaled(self, steps: int, every_steps: int) -> Self:
        """Return the phase with other numbers of steps, at the same time a step and a checkpoint."""
        return replace(self, steps=steps, every_steps=every_steps, work_s=self.work_s * steps / self.steps)


def phases_to_json(phases: Iterable[Phase]) -> list[dict[str, Any]]:
    """Return ``phases`` for a report."""
    return [asdict(phase) for phase in phases]


def phases_from_json(values: Iterable[dict[str, Any]]) -> list[Phase]:
    """Return the phases of a report."""
    return [Phase(**value) for value in values]
