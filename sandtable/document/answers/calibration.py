"""``sandtable calibrate``: an engine's coefficients, and their errors."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from sandtable.document.parts.base import Figure, Part
from sandtable.document.rehearsal import Coefficient

if TYPE_CHECKING:
    from sandtable.jobs.calibrate import Calibrated


class ComparedLatency(Part):
    """A latency of the same requests, predicted and measured, in milliseconds."""

    name: str
    predicted: Figure = None
    measured: Figure = None
    error: Figure = None
    """Predicted over measured, minus one."""
    n: int = 0


class EngineCalibration(Part):
    """How fast an engine is, and how far that can be believed."""

    subject: str
    """The engine's address, or the recorded run."""
    coefficients: tuple[Coefficient, ...] = ()
    median_error: Figure = None
    """Over the isolated experiments that the coefficients were fitted to; null for a recorded run."""
    largest_error: Figure = None
    doubt: str | None = None
    """Why a prediction from these coefficients would not count; null if it would."""
    in_sample: tuple[ComparedLatency, ...] = ()
    """Over the requests that the coefficients were fitted to; empty for an engine."""
    held_out: tuple[ComparedLatency, ...] = ()
    """Over requests that nothing was fitted to; empty where the engine is too slow for them."""

    @classmethod
    def taken(cls, value: Calibrated, given: Collection[str] = ()) -> dict[str, Any]:
        """Return the fields taken from an answer."""
        return super().taken(value, given)
