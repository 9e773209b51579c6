"""A check: what it proves of which part, and its negative control.

Rule 1: a check without a control that would fail proves nothing. The control is part of the check, and a control that passes where it
should fail is a failure of the check.
Rule 2: a check without ``drill`` changes nothing that outlives it: it reads, asks for dry runs, and runs pods of its own.
Rule 3: what a check cannot do is a result, too: it could not run (``unknown``), or there is nothing to check here (``absent``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, NamedTuple, TypeVar

from foundation.processes.attempts import attempts
from sandtable.errors import SandtableError

if TYPE_CHECKING:
    from sandtable.jobs.verify.ground import Ground

Outcome = Literal["passed", "failed", "unknown", "absent"]
_Answer = TypeVar("_Answer")


class CheckFailedError(SandtableError):
    """What was to be proved is not so; the text says what was seen instead."""


class NotRunError(SandtableError):
    """The check could not run; the text says why."""


class NotHereError(SandtableError):
    """There is nothing to check in this environment; the text says why."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        name: As ``--only`` takes it.
        part: The part of the platform that it is about.
        proves: What a pass proves, as a clause.
        control: The negative control: what must fail, as a clause.
        run: Does the check and returns what was seen, in a sentence without its full stop.
        drill: Whether it kills, fills or revokes something.
        needs_pods: Whether it needs pods that really run.
    """

    name: str
    part: str
    proves: str
    control: str
    run: Callable[[Ground], str]
    drill: bool = False
    needs_pods: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a check, with a sentence about it and its seconds."""

    check: Check
    outcome: Outcome
    text: str
    seconds: float = 0.0


def require(holds: object, otherwise: str) -> None:
    """Go on if it holds.

    Raises:
        CheckFailedError: it does not.
    """
    if not holds:
        raise CheckFailedError(otherwise)


class Waited(NamedTuple, Generic[_Answer]):
    """What was waited for, and the seconds that it took."""

    answer: _Answer
    seconds: float


def wait_until(
    ask: Callable[[], _Answer],
    otherwise: str | Callable[[], str],
    *,
    within_s: float,
    poll_s: float = 0.2,
    despite: tuple[type[Exception], ...] = (),
) -> Waited[_Answer]:
    """Ask until the answer is true. ``despite``: exceptions that mean no more than "not yet".

    Raises:
        CheckFailedError: it has not become true in time; ``otherwise`` says what has not happened, and the last exception why.
    """
    begun, why = time.monotonic(), ""
    for _ in attempts(within_s, poll_s):
        why = ""
        try:
            if answer := ask():
                return Waited(answer, time.monotonic() - begun)
        except despite as error:
            why = f": {error}"
    raise CheckFailedError(f"{otherwise if isinstance(otherwise, str) else otherwise()} within {within_s:g} s{why}")
