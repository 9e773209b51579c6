"""Consent as events, so that it can be demonstrated (GDPR Article 7(1)) and withdrawn as easily as given (Article 7(3))."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.records.events.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class ConsentGiven:
    """A person has agreed to a purpose."""

    subject: str
    purpose: str
    wording: str
    """What the person was shown: its version, or the text itself."""


@dataclass(frozen=True, slots=True)
class ConsentWithdrawn:
    """A person has withdrawn consent; earlier processing stays lawful (Article 7(3))."""

    subject: str
    purpose: str


@dataclass(frozen=True, slots=True)
class ErasureRequested:
    """A person has requested erasure. The event does not identify the person, because it is kept (Article 5(2), accountability)."""

    key_id: str


@dataclass(frozen=True, slots=True)
class SubjectErased:
    """The erasure is complete."""

    key_id: str
    snapshots: int
    """How many were removed."""
    projections: list[str]
    """Those that have forgotten the person."""


def add_personal_events(catalogue: Catalogue) -> None:
    """Make the events of this package known to a catalogue."""
    catalogue.add("consent-given", ConsentGiven, subject="subject")
    catalogue.add("consent-withdrawn", ConsentWithdrawn, subject="subject")
    catalogue.add("erasure-requested", ErasureRequested)
    catalogue.add("subject-erased", SubjectErased)
