"""Which input moves the verdict most: each is made smaller and larger alone, under the same random numbers.

One at a time: what two inputs do together is a question for ``sandtable whatif``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulations.capacity.thresholds import Judged, judge
from stacks.errors import ConfigurationError

if TYPE_CHECKING:
    from simulations.whatif.results import ScenarioResult
    from stacks.environment.thresholds import Threshold


@dataclass(frozen=True, slots=True)
class Change:
    """An input with another value: ``words`` say which, ``run`` gives the answer with it."""

    words: str
    run: Callable[[], ScenarioResult]


@dataclass(frozen=True, slots=True)
class Moved:
    """What a changed input makes of the thresholds."""

    words: str
    judged: tuple[Judged, ...]

    @property
    def tightest(self) -> Judged:
        """The threshold whose limit is used up most."""
        return max(self.judged, key=lambda one: one.use)

    @property
    def use(self) -> float:
        """How much of the tightest limit is used up."""
        return self.tightest.use

    @property
    def holds(self) -> bool:
        """Whether every threshold holds."""
        return all(one.holds for one in self.judged)


@dataclass(frozen=True, slots=True)
class Swing:
    """An input and what its changes do; those that cannot be simulated are left out."""

    name: str
    moved: tuple[Moved, ...]
    base: float

    @property
    def size(self) -> float:
        """By how much the use of the tightest limit differs at most, from the present or between the changes."""
        uses = [self.base, *(one.use for one in self.moved)]
        return max(uses) - min(uses)


def sensitivity(
    present: ScenarioResult, inputs: Iterable[tuple[str, Sequence[Change]]], thresholds: Sequence[Threshold]
) -> tuple[Swing, ...]:
    """Return the inputs, the one that moves the tightest limit most first."""
    base = Moved("", judge(present, thresholds)).use
    found = (Swing(name, tuple(_moved(changes, thresholds)), base) for name, changes in inputs)
    return tuple(sorted((swing for swing in found if swing.moved), key=lambda swing: -swing.size))


def _moved(changes: Sequence[Change], thresholds: Sequence[Threshold]) -> Iterable[Moved]:
    for change in changes:
        try:
            yield Moved(change.words, judge(change.run(), thresholds))
        except ConfigurationError:
            continue  # no replica left, or more requests than are simulated: no answer, and no small one
