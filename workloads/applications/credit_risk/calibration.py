"""Whether predicted risks are the real ones: the expected calibration error and the Brier score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from workloads.federation.models.network import Labels, Vector

_BINS: Final = 10


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far predicted risks are from the real ones.

    Attributes:
        error: mean distance of predicted and real risk over ten bins of equal size (Naeini and others 2015).
        brier: mean squared error of the predicted risk (Brier 1950).
        base: that of always predicting the mean risk.
        n: number of records.
    """

    error: float
    brier: float
    base: float
    n: int

    def __str__(self) -> str:
        return f"calibration error {self.error:.3f}, Brier score {self.brier:.4f} (constant risk: {self.base:.4f}), n={self.n}"


def calibration(risk: Vector, labels: Labels) -> Calibration:
    """Return the calibration of predicted risks of a default, which is label 1."""
    order = np.argsort(risk, kind="stable")
    bins = np.array_split(order, min(_BINS, len(order)))
    error = sum(len(rows) * abs(risk[rows].mean() - labels[rows].mean()) for rows in bins) / len(risk)
    base = labels.mean()
    return Calibration(float(error), float(((risk - labels) ** 2).mean()), float(base * (1 - base)), len(risk))
