"""Updates as integers of 32 bits, with a bound on what rounding adds to their norm.

A step is ``clip_norm / 2^18``. Each entry is rounded to the nearest step: one client's error is at most half a step and the L2 norm of
its integers at most ``2^18 + sqrt(length) / 2``, whatever the update. Random rounding would be unbiased and have no such bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workloads.federation.errors import UpdateError
from workloads.federation.secure_aggregation.masks import Words

STEPS: Final = 2**18
#: Noise beyond so many standard deviations would wrap; a normal variable does with probability 6e-16.
_TAIL: Final = 8.0


@dataclass(frozen=True, slots=True)
class Quantisation:
    """How updates become integers.

    Attributes:
        clip_norm: largest L2 norm of an update; longer ones are scaled down to it.
        length: entries of an update.
        clients: most clients of one sum.
        noise_steps: standard deviation of the noise in the whole sum, in steps; 0 without noise.

    Raises:
        UpdateError: the sum could exceed 31 bits, or a bound is not positive.
    """

    clip_norm: float
    length: int
    clients: int
    noise_steps: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.clip_norm) and self.clip_norm > 0) or self.length < 1 or self.clients < 1 or not self.noise_steps >= 0:
            raise UpdateError(f"clip norm, length and clients must be positive and the noise not negative: {self}")
        if self.clients * (STEPS + 1) + _TAIL * self.noise_steps >= 2**31:
            raise UpdateError(f"a sum of {self.clients} clients with noise of {self.noise_steps:g} steps does not fit into 32 bits")

    @property
    def step(self) -> float:
        """Size of one step, in the unit of the update."""
        return self.clip_norm / STEPS

    @property
    def sensitivity_steps(self) -> float:
        """Largest L2 norm of one client's integers."""
        return STEPS + math.sqrt(self.length) / 2

    def quantise(self, update: NDArray[np.float64], client: str) -> NDArray[np.int64]:
        """Return the clipped update in steps.

        Raises:
            UpdateError: it has another shape, or an entry that is not a finite number; names the client.
        """
        if update.shape != (self.length,):
            raise UpdateError(f"client {client!r}: the update has shape {update.shape}, not ({self.length},)")
        if not np.isfinite(update).all():
            place = int(np.flatnonzero(~np.isfinite(update))[0])
            raise UpdateError(f"client {client!r}: entry {place} of the update is {update[place]}, not a finite number")
        # By the largest entry first: the square of a huge one is not a float.
        largest = float(np.abs(update).max())
        norm = largest * float(np.linalg.norm(update / largest)) if largest > 0 else 0.0
        clipped = update / largest * (largest / norm * STEPS) if norm > self.clip_norm else update / self.step
        return np.rint(clipped).astype(np.int64)

    def dequantise(self, words: Words) -> NDArray[np.float64]:
        """Return the sum of updates from the sum of their words; the inverse up to rounding."""
        return words.view(np.int32).astype(np.float64) * self.step


def to_words(integers: NDArray[np.int64]) -> Words:
    """Return integers modulo 2^32."""
    return integers.astype(np.uint32)
