"""What a model must reach: sensitivity and specificity.

The lower ends of their intervals count, so that a few test records that happen to be right are not enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foundation.measures.shares import share_interval
from workloads.federation.models.network import Labels, Matrix

#: In the data set class 0 is malignant.
MALIGNANT = 0


@dataclass(frozen=True, slots=True)
class Criterion:
    """A share with its 95 % interval and the least that its lower end must reach."""

    name: str
    share: float
    low: float
    high: float
    n: int
    least: float

    @property
    def holds(self) -> bool:
        """Whether it is met."""
        return self.low >= self.least

    def __str__(self) -> str:
        verdict = "holds" if self.holds else "does not hold"
        return f"{self.name} {self.share:.3f} ({self.low:.3f} to {self.high:.3f}, n={self.n}), at least {self.least:g}: {verdict}"


def validate(probabilities: Matrix, labels: Labels, *, sensitivity: float, specificity: float) -> list[Criterion]:
    """Return both criteria for a model's answers on test records."""
    predicted = probabilities.argmax(axis=1) == MALIGNANT
    malignant = labels == MALIGNANT
    return [
        _criterion("sensitivity", int((predicted & malignant).sum()), int(malignant.sum()), sensitivity),
        _criterion("specificity", int((~predicted & ~malignant).sum()), int((~malignant).sum()), specificity),
    ]


def _criterion(name: str, right: int, n: int, least: float) -> Criterion:
    low, high = share_interval(right, n) if n else (0.0, 1.0)
    return Criterion(name, right / n if n else float(np.nan), low, high, n, least)
