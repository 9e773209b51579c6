"""How a model treats two groups that it does not know: differences between them, each with an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workloads.federation.models.network import Labels, Vector

_Z: Final = 1.959964


@dataclass(frozen=True, slots=True)
class Gap:
    """A share in group 1 minus that in group 0, with its 95 % interval (Wald); nan where a group has no such record."""

    name: str
    difference: float
    low: float
    high: float
    n: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.name}: {self.difference:+.3f} ({self.low:+.3f} to {self.high:+.3f}, n={self.n[1]} and {self.n[0]})"


def gaps(approved: NDArray[np.bool_], labels: Labels, groups: Vector) -> list[Gap]:
    """Return the gaps of demographic parity and of equal opportunity (Hardt, Price and Srebro 2016).

    Args:
        approved: who would get a credit.
        labels: 1 for a default.
        groups: 0 or 1 for each record.
    """
    everyone, sound = np.ones(len(labels), bool), labels == 0
    return [
        _gap("approved, of all (demographic parity)", approved, everyone, groups),
        _gap("approved, of those who pay back (equal opportunity)", approved, sound, groups),
    ]


def _gap(name: str, approved: NDArray[np.bool_], among: NDArray[np.bool_], groups: Vector) -> Gap:
    shares, counts = [], []
    for group in (0, 1):
        inside = among & (groups == group)
        counts.append(int(inside.sum()))
        shares.append(float(approved[inside].mean()) if inside.any() else math.nan)
    deviation = math.sqrt(sum(share * (1 - share) / max(count, 1) for share, count in zip(shares, counts, strict=True)))
    difference = shares[1] - shares[0]
    return Gap(name, difference, difference - _Z * deviation, difference + _Z * deviation, (counts[0], counts[1]))
