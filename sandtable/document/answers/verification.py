"""``sandtable verify``: what works on a deployed stack, check by check."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from sandtable.document.parts.base import Number, Part, rounded

if TYPE_CHECKING:
    from sandtable.jobs.verify.check import Check, Result


class CheckedPart(Part):
    """One check, and what became of it."""

    name: str
    part: str
    """The part of the platform that it is about."""
    proves: str
    control: str
    """What must fail for the check to prove anything."""
    kind: Literal["read-only", "drill"] = "read-only"
    outcome: Literal["passed", "failed", "unknown", "absent"] | None = None
    """``unknown``: it could not run. ``absent``: there is nothing to check in this environment. Null where it was only listed."""
    text: str = ""
    """What was seen, in a sentence."""
    seconds: Annotated[Number, rounded(3)] = None

    @classmethod
    def taken(cls, value: Result, given: Collection[str] = ()) -> dict[str, Any]:  # noqa: ARG003  # all of it is said here
        """Return the fields taken from a result."""
        return _said(value.check) | {"outcome": value.outcome, "text": value.text, "seconds": value.seconds}

    @classmethod
    def listed(cls, check: Check) -> Self:
        """Return a check that was not run."""
        return cls.model_validate(_said(check))


def _said(check: Check) -> dict[str, Any]:
    said = {name: getattr(check, name) for name in ("name", "part", "proves", "control")}
    return said | {"kind": "drill" if check.drill else "read-only"}


class Verification(Part):
    """Every check that was asked for."""

    environment: str
    at: str = ""
    """ISO 8601, when it ended; empty where the checks were only listed."""
    digest: str = ""
    """Of the graph that the stack's program declares."""
    passed: int = 0
    failed: int = 0
    unknown: int = 0
    absent: int = 0
    checks: tuple[CheckedPart, ...] = ()

    @classmethod
    def of_results(cls, results: Sequence[Result], *, environment: str, digest: str, at: str) -> Self:
        """Return the document of ``results``."""
        counts = {outcome: sum(one.outcome == outcome for one in results) for outcome in ("passed", "failed", "unknown", "absent")}
        checks = tuple(CheckedPart.of(one) for one in results)
        return cls.model_validate({"environment": environment, "at": at, "digest": digest, **counts, "checks": checks})

    @property
    def sentence(self) -> str:
        """The counts in one sentence."""
        return f"{self.passed} passed, {self.failed} failed, {self.unknown} could not run, {self.absent} not in this environment."
