"""What the policy rules say."""

from __future__ import annotations

from typing import Literal

from sandtable.document.parts.base import Part


class Finding(Part):
    """One resource breaks one rule. A list of findings has what denies first and what was waived last."""

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
        """Whether it holds a release back: the rule denies and nobody waived it."""
        return self.severity == "deny" and self.waived_by is None


class NotApplicable(Part):
    """A rule that was not judged, wholly or on one resource, and why."""

    rule: str
    reason: str
