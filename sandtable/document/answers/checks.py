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
    """Rules that were not judged, wholly or on one resource, and why."""
    denied: int = 0
    """Number of findings that hold a release back."""


class LoadTest(Part):
    """What a load test saw, and whether it can be judged."""

    environment: str
    targets: tuple[str, ...] = ()
    generator_kind: Literal["open loop", "locust"]
    outcome: Outcome
    replicas: tuple[str, ...] = ()
    """The targets again, idle ones included, as the records name them."""
    generator: Generator | None = None
    invalid: tuple[str, ...] = ()
    """Why nothing of the measurement counts; empty where it does."""
    undersampled: tuple[str, ...] = ()
    """Why a measurement that counts cannot decide about one or more thresholds."""
    errors: tuple[ErrorCount, ...] = ()
    """Why requests failed, the most frequent first."""
    timeline: tuple[Tick, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader must know besides."""
