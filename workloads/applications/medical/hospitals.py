"""Selects hospitals: enough records, consent, and records where they may be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from workloads.applications.errors import CriteriaError
from workloads.federation.definition import Definition


@dataclass(frozen=True, slots=True)
class Hospital:
    """A hospital that would take part."""

    name: str
    records: int
    consented_share: float
    """Share of its patients that have consented; only their records are among ``records``."""
    residency: str


def select(hospitals: Iterable[Hospital], definition: Definition, *, min_records: int) -> tuple[list[Hospital], dict[str, str]]:
    """Return the hospitals that may take part, and for each other one the reason.

    Raises:
        CriteriaError: fewer are left than a round needs.
    """
    chosen, refused = [], {}
    for each in hospitals:
        if each.records < min_records:
            refused[each.name] = f"{each.records} records; the noise that hides one of so few hides the tumour too (at least {min_records})"
        elif each.consented_share <= 0:
            refused[each.name] = "no patient has consented"
        elif each.residency not in definition.compliance.residencies:
            refused[each.name] = f"its records are in {each.residency}; allowed: {', '.join(definition.compliance.residencies)}"
        else:
            chosen.append(each)
    if problem := definition.problem(len(chosen)):
        reasons = "; ".join(f"{name}: {reason}" for name, reason in refused.items())
        raise CriteriaError(f"{problem}{f' ({reasons})' if reasons else ''}")
    return chosen, refused
