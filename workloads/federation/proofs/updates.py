"""Updates of small models as measurements of :class:`~workloads.federation.proofs.circuits.SumVec`: each entry within a bound."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workloads.federation.errors import UpdateError
from workloads.federation.proofs.circuits import SumVec


@dataclass(frozen=True, slots=True)
class BoundedUpdates:
    """How updates become small integers, and sums of them updates again.

    Attributes:
        length: entries of an update.
        bound: largest absolute value of an entry; larger ones are clipped. It bounds the L2 norm by ``bound * sqrt(length)``.
        bits: of an entry. One client's rounding error is at most ``bound / (2 ** bits - 2)``.

    Raises:
        UpdateError: a number is out of range.
    """

    length: int
    bound: float
    bits: int = 16

    def __post_init__(self) -> None:
        if self.length < 1 or not (math.isfinite(self.bound) and self.bound > 0) or not 2 <= self.bits <= 32:
            raise UpdateError(f"length and bound must be positive, and an entry has 2 to 32 bits: {self}")

    @property
    def circuit(self) -> SumVec:
        """What is proved, with the chunk that makes the shortest proof."""
        return SumVec(self.length, math.isqrt(self.length * self.bits), 2 * self._middle)

    def measurement(self, update: NDArray[np.float64], client: str) -> list[int]:
        """Return the clipped entries as integers; zero is exact.

        Raises:
            UpdateError: the update has another shape, or an entry that is not a finite number; names the client.
        """
        if update.shape != (self.length,) or not np.isfinite(update).all():
            raise UpdateError(f"client {client!r}: an update is {self.length} finite numbers, not an array of shape {update.shape}")
        steps = np.rint(np.clip(update / self.bound, -1, 1) * self._middle).astype(np.int64) + self._middle
        return [int(each) for each in steps]

    def sum(self, result: Sequence[int], clients: int) -> NDArray[np.float64]:
        """Return the sum of the updates of so many clients from the sum of their measurements."""
        return (np.array(result, np.float64) - clients * self._middle) * (self.bound / self._middle)

    @property
    def _middle(self) -> int:
        return (1 << (self.bits - 1)) - 1
