"""The policies over a graph, as a gate: nothing is created if one of them denies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandtable.errors import PolicyDeniesError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policies.findings import Finding
    from sandtable.terminal import Steps
    from stacks.environment import Environment
    from stacks.graph import Graph
    from stacks.pricing.prices import PriceBook


def check_policies(graph: Graph, environment: Environment, book: PriceBook, steps: Steps) -> tuple[Finding, ...]:
    """Return the findings of the rules in ``graph``, those that deny first."""
    import policies

    with steps.step("policies") as step:
        findings = policies.check(graph, environment, book)
        step.note(policies.counted(findings))
    return tuple(findings)


def denials(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Return a sentence for each finding that denies."""
    return tuple(str(finding) for finding in findings if finding.denies)


def refuse_denied(findings: Iterable[Finding], environment: Environment) -> None:
    """Raise if a policy denies, so that nothing is deployed.

    Raises:
        PolicyDeniesError: one does.
    """
    if denied := denials(findings):
        how = f"`sandtable check {environment.name}` shows how to fix it"
        raise PolicyDeniesError("\n".join([f"nothing was deployed because a policy denies; {how}", *denied]))
