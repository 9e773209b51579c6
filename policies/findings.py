"""What the rules say about a graph.

A finding is a breach, waived or not: a waiver is shown with its reason, never hidden. An assessment lists a rule that cannot be evaluated
(no environment, no nodes) as not applicable, with the reason. ``sandtable check`` and the policy pack print those too; reports show only
the findings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from stacks.admission.rules import Severity

#: Used in place of a rule's id if no rule could judge what the reason names, because it is not in the graph.
EVERY_RULE: Final = "every rule"


@dataclass(frozen=True, slots=True)
class Finding:
    """One resource breaks one rule.

    ``resource`` is the readable name (``Deployment ai/ai-stack``), ``urn`` is unique in the graph; both name the stack itself if no single
    resource is at fault. ``waived_by`` is the reason given in the resource's waiver, else None.
    """

    rule: str
    severity: Severity
    resource: str
    urn: str
    message: str
    fix: str
    waived_by: str | None = None

    def __str__(self) -> str:
        return f"{self.rule}: {self.resource}: {self.message}"

    @property
    def denies(self) -> bool:
        """Whether it blocks the release: the rule denies and is not waived."""
        return self.severity == "deny" and self.waived_by is None

    @property
    def order(self) -> tuple[bool, bool, str, str, str]:
        """Sort key: findings that deny first, waived ones last, then by rule, resource and text."""
        return (self.waived_by is not None, self.severity != "deny", self.rule, self.urn, self.message)


def counted(findings: Sequence[Finding]) -> str:
    """Return the counts as a phrase: ``0 deny, 9 other findings``."""
    denied = sum(finding.denies for finding in findings)
    return f"{denied} deny, {len(findings) - denied} other findings"


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """A rule that was not evaluated, at all or on the resource that the reason names, and why."""

    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Assessment:
    """Everything that the rules say about a graph.

    ``rules`` names every rule that was evaluated. Every resource complies with a rule that is listed there, has no finding and is nowhere
    not applicable.
    """

    findings: tuple[Finding, ...]
    not_applicable: tuple[NotApplicable, ...]
    rules: tuple[str, ...] = field(default=())

    @property
    def violations(self) -> tuple[Finding, ...]:
        """The findings that deny; their number is the metric ``policy_violations``."""
        return tuple(finding for finding in self.findings if finding.denies)
