"""The parts of a saga: steps, their compensations, the pivot between them, and semantic locks.

After Garcia-Molina and Salem, "Sagas" (SIGMOD 1987); the words are those of Richardson, "Microservices Patterns", chapter 4.

Rule 1: steps before the pivot can be compensated. The pivot decides: before it is done the saga may be taken back, afterwards it only goes
forward, and its steps must succeed in the end.
Rule 2: every call has an idempotency key, the same for every repetition. A participant that sees a key again returns the same result and
does nothing, because a call may be repeated after a crash.
Rule 3: a participant that rejects a call raises :class:`RefusedError`: nothing has happened. After any other exception the outcome is
unknown. The call is retried, and in the end the step is compensated, too; so a compensation must also work if the step never happened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workloads.records.errors import SagaError

#: Takes the saga's data, with the results of the steps before under their names, and the idempotency key; returns what JSON holds.
Call = Callable[[Mapping[str, Any], str], Any]


class RefusedError(SagaError):
    """A participant has rejected the call: nothing has happened, and a retry would not help."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step."""

    name: str
    action: Call
    compensation: Call | None = None
    """None if there is nothing to take back, and for the pivot and what follows it."""
    is_pivot: bool = False
    attempts: int = 3
    """How often a call is made before its outcome counts as unknown; again for the compensation."""


@dataclass(frozen=True, slots=True)
class Saga:
    """A kind of saga."""

    name: str
    steps: tuple[Step, ...]
    locks: Callable[[Mapping[str, Any]], Sequence[str]] = lambda _: ()
    """Names of what the saga's data touch. While it runs, no other saga that names one of them starts."""

    def __post_init__(self) -> None:
        """Refuse a saga that could end half-way."""
        names = [step.name for step in self.steps]
        if not names or len(set(names)) < len(names):
            raise SagaError(f"saga {self.name!r} needs steps with different names")
        pivots = [place for place, step in enumerate(self.steps) if step.is_pivot]
        if len(pivots) > 1:
            raise SagaError(f"saga {self.name!r} has more than one pivot")
        after = self.steps[pivots[0] :] if pivots else ()
        if wrong := [step.name for step in after if step.compensation]:
            raise SagaError(f"saga {self.name!r}: {', '.join(wrong)} cannot be compensated: from the pivot on a saga only goes forward")

    @property
    def pivot(self) -> int:
        """Index of the pivot; one past the last step if there is none."""
        return next((place for place, step in enumerate(self.steps) if step.is_pivot), len(self.steps))
