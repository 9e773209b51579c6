"""Numbers that say where they come from: ``measured`` here, ``published`` by others, ``derived`` from either, or ``assumed``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from simulations.errors import CalibrationError

Provenance = Literal["measured", "published", "derived", "assumed"]


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A number with its unit and origin. ``n`` is the number of observations behind it, 0 if it was not measured."""

    value: float
    unit: str
    provenance: Provenance
    source: str
    n: int = 0

    def __post_init__(self) -> None:
        if not math.isfinite(self.value) or self.value < 0:
            raise CalibrationError(f"a coefficient ({self.source}) is {self.value} {self.unit}; finite numbers from 0 up are expected")
        if self.provenance not in get_args(Provenance):
            raise CalibrationError(f"provenance {self.provenance!r}; expected one of {', '.join(get_args(Provenance))}")


@dataclass(frozen=True, slots=True)
class NamedCoefficient:
    """A coefficient as a line of a report."""

    name: str
    coefficient: Coefficient
