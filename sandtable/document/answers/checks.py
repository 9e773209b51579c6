"""``sandtable check`` and ``sandtable loadtest``: one part of a rehearsal on its own."""

from __future__ import annotations

from typing import Literal

from sandtable.document.parts.base import Part
from sandtable.document.parts.load import ErrorCount, Generator, Tick
from sandtable.document.parts.outcome import Outcome
from sandtable.document.parts.policies import Finding, NotApplicable


class Check(Part):
    """What the policies say about a graph."""

    digest: str
    findings: tuple[Finding, ...] = ()
    not_applicable: tuple[NotApplicable, ...] = ()
    """Rules that could not be evaluated, in general or on one resource, and why."""
    denied: int = 0
    """Number of findings that block the release."""


class LoadTest(Part):
    """What a load test measured, and whether the measurement counts."""

    environment: str
    targets: tuple[str, ...] = ()
    generator_kind: Literal["open loop", "locust"]
    outcome: Outcome
    replicas: tuple[str, ...] = ()
    """All targets, idle ones included, as the records name them."""
    generator: Generator | None = None
    invalid: tuple[str, ...] = ()
    """Why the measurement does not count; empty if it does."""
    undersampled: tuple[str, ...] = ()
    """Why a valid measurement cannot decide about one or more thresholds."""
    errors: tuple[ErrorCount, ...] = ()
    """Why requests failed, the most frequent first."""
    timeline: tuple[Tick, ...] = ()
    notes: tuple[str, ...] = ()
    """Further notes for the reader."""
