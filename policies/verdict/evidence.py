"""The input of a verdict, and the verdict itself."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from foundation.measures import JobFigure, Outcome
    from policies.verdict.thresholds import Judgement
    from stacks.environment.thresholds import Threshold


class Result(enum.StrEnum):
    """What to do with the release."""

    SHIP = "ship"
    HOLD = "hold"
    INCONCLUSIVE = "inconclusive"


class Cause(enum.StrEnum):
    """What decided; the command line maps each to an exit code. ``PREDICTION`` never decides: it says what the twin is worth here."""

    NOTHING_WRONG = "nothing wrong"
    POLICY = "policy"
    THRESHOLD = "threshold"
    REGRESSION = "regression"
    UNDECIDED = "undecided"
    PREDICTION = "prediction"


_LEAD: Final = {Cause.POLICY: "policy: ", Cause.THRESHOLD: "threshold broken: ", Cause.REGRESSION: "regression: "}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the verdict is what it is; ``str`` gives the sentence for a reader, ``text`` the same without its cause."""

    cause: Cause
    text: str

    def __str__(self) -> str:
        return _LEAD.get(self.cause, "") + self.text


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict with its reasons in order of weight; ``judgements`` lists broken thresholds first, then undecided ones."""

    result: Result
    cause: Cause
    reasons: tuple[Reason, ...]
    judgements: tuple[Judgement, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that a verdict is based on.

    ``missing`` says what could not be done; ``invalid`` why the measurement is invalid; ``unpriced`` what the cost leaves out. ``figures``
    are those of the jobs, by metric; ``faults`` says whether any was injected: without one, thresholds about faults do not apply.
    """

    thresholds: Sequence[Threshold]
    predicted: Outcome | None
    measured: Outcome | None
    monthly_cost_usd: float | None
    denied: Sequence[str] = ()
    invalid: Sequence[str] = ()
    missing: Sequence[str] = ()
    baseline: Outcome | None = None
    unpriced: Sequence[str] = ()
    figures: Mapping[str, JobFigure] = field(default_factory=dict)
    faults: bool = False

    @property
    def counts(self) -> bool:
        """Whether there is a valid measurement."""
        return self.measured is not None and not self.invalid
