"""The gate: checks a client when it joins, and every round before it begins. It decides by the definition and the roster alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from workloads.federation.errors import RefusedError
from workloads.federation.rounds.messages import VERSION, Join
from workloads.federation.rounds.terms import Terms


def check_client(terms: Terms, name: str, join: Join) -> None:
    """Check a client that wants to take part.

    Raises:
        RefusedError: it is not enrolled, has another version or definition, or other records than it may train on.
    """
    member, definition = terms.roster.members.get(name), terms.definition
    if member is None:
        raise RefusedError(f"client {name!r} is not in the roster")
    reasons = {
        f"it speaks version {join.version} of the protocol, and the server version {VERSION}: use the same image": join.version != VERSION,
        "it was started with another definition: give it the server's": join.definition != definition.digest,
        "it has no records to train on": join.records < 1,
        f"it claims {join.records} records and is enrolled with {member.records}": join.records != member.records,
        f"its records may be used for {join.purpose!r}, not for {definition.compliance.purpose!r}": join.purpose
        != definition.compliance.purpose,
        "its consent snapshot is not the one it was enrolled with: enrol it again": join.consent.hex() != member.consent,
        f"its records are in {join.residency!r}; allowed: {', '.join(definition.compliance.residencies)}": join.residency
        != member.residency
        or join.residency not in definition.compliance.residencies,
    }
    for reason, applies in reasons.items():
        if applies:
            raise RefusedError(f"client {name!r}: {reason}")


def check_round(terms: Terms, number: int, participants: Collection[str], spent: Mapping[str, float]) -> None:
    """Check a round before the model is sent.

    Args:
        terms: of the federation.
        number: the round.
        participants: who would take part.
        spent: epsilon that each of them has spent, as far as it has said.

    Raises:
        RefusedError: the cohort is too small, or a budget is used up; the message names the rule.
    """
    least, budget = terms.quorum, terms.definition.privacy.epsilon
    if len(participants) < least:
        raise RefusedError(f"round {number}: {len(participants)} clients would take part, fewer than the minimum cohort of {least}")
    for name in sorted(participants):
        if terms.definition.privacy.unit != "none" and spent.get(name, 0.0) >= budget:
            raise RefusedError(f"round {number}: client {name!r} has spent epsilon {spent[name]:.4f} of {budget:g}")
