"""Which input moves the verdict most: each is made smaller and larger alone, under the same random numbers.

One at a time: what two inputs do together is a question for ``sandtable whatif``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from simulations.capacity.thresholds import Judged, judge
from stacks.errors import ConfigurationError

if TYPE_CHECKING:
    from simulations.whatif.results import ScenarioResult
    from stacks.environment.thresholds import Threshold


Question = TypeVar("Question")


@dataclass(frozen=True, slots=True)
class Change(Generic[Question]):
    """An input with another value: ``words`` say which, ``question`` is the stack with it."""

    words: str
    question: Question


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
    present: ScenarioResult,
    inputs: Iterable[tuple[str, Sequence[Change[Question]]]],
    thresholds: Sequence[Threshold],
    ask: Callable[[Sequence[Question]], Sequence[ScenarioResult | ConfigurationError]],
) -> tuple[Swing, ...]:
    """Return the inputs, the one that moves the tightest limit most first.

    ``ask`` answers all questions at once, in their order. What cannot be simulated (no replica left, too many requests) is no answer, and
    no small one: it is left out.
    """
    base = Moved("", judge(present, thresholds)).use
    names = [(name, change) for name, changes in inputs for change in changes]
    moved: dict[str, list[Moved]] = {}
    for (name, change), answer in zip(names, ask([change.question for _, change in names]), strict=True):
        if not isinstance(answer, ConfigurationError):
            moved.setdefault(name, []).append(Moved(change.words, judge(answer, thresholds)))
    found = (Swing(name, tuple(members), base) for name, members in moved.items())
    return tuple(sorted(found, key=lambda swing: -swing.size))
