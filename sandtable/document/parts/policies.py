"""What the policy rules say."""

from __future__ import annotations

from typing import Literal

from sandtable.document.parts.base import Part


class Finding(Part):
    """One resource breaks one rule. In a list of findings, those that deny come first and waived ones last."""

    rule: str
    severity: Literal["deny", "warn"]
    resource: str = ""
    urn: str = ""
    message: str = ""
    fix: str = ""
    waived_by: str | None = None
    """The reason given in the resource's waiver."""

    @property
    def denies(self) -> bool:
        """Whether it blocks the release: the rule denies and is not waived."""
        return self.severity == "deny" and self.waived_by is None


class NotApplicable(Part):
    """A rule that could not be evaluated, in general or on one resource, and why."""

    rule: str
    reason: str
