"""The outcome of a job that ran beside or after the load: a gateway, faults, a federation, a drill."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandtable.document.parts.base import Figure, Interval, Part
from sandtable.document.parts.outcome import Difference

if TYPE_CHECKING:
    from collections.abc import Collection

    from foundation.measures import JobFigure as Given


class JobFigure(Part):
    """One figure of a job."""

    name: str
    """As thresholds name it."""
    words: str
    unit: str = ""
    """ms, s, share, usd, count, tokens_per_s, bytes or empty."""
    predicted: Figure = None
    measured: Figure = None
    n: int | None = None
    """Number of samples behind the measured figure."""
    ci95: Interval | None = None
    """95 % interval of the measured figure."""

    @classmethod
    def taken(cls, value: Given, given: Collection[str] = ()) -> dict[str, Any]:
        """Return the fields taken from a figure."""
        bounded = value.low is not None or value.high is not None
        return super().taken(value, (*given, "ci95")) | {"ci95": (value.low, value.high) if bounded else None}

    @property
    def difference(self) -> Difference:
        """Prediction against measurement; empty where a side is missing."""
        if self.predicted is None or self.measured is None:
            return Difference()
        low, high = self.ci95 or (None, None)
        return Difference.between(self.predicted, self.measured, None if low is None or high is None else (low, high))


class JobOutcome(Part):
    """One job."""

    job: str
    title: str
    figures: tuple[JobFigure, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences below the figures."""
