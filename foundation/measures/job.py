"""The outcome of a job of a rehearsal: figures, each predicted and measured.

A job is whatever runs beside or after the load: the load through a gateway, a fault, a federated training, a drill. Requests have an
:class:`~foundation.measures.outcome.Outcome` of their own; everything else is said in this one form, so that verdict, document and report
need not know the job.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Unit = Literal["", "ms", "s", "share", "usd", "count", "tokens_per_s", "bytes"]


@dataclass(frozen=True, slots=True)
class JobFigure:
    """One figure. ``name`` is the metric that a threshold may name (``stacks.environment.thresholds.JOB_METRICS``) or unique in its job.

    ``predicted`` and ``measured`` are None where that side has no value; ``low`` and ``high`` are the 95 % interval of the measured one,
    ``n`` is the number of samples behind it.
    """

    name: str
    words: str
    unit: Unit
    predicted: float | None
    measured: float | None
    n: int | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """``job`` is a short name (``gateway``, ``faults``, ``federation``), ``title`` a heading for readers, ``notes`` sentences below it."""

    job: str
    title: str
    figures: tuple[JobFigure, ...]
    notes: tuple[str, ...] = ()
