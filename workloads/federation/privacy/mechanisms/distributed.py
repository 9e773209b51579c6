"""Distributed noise: each client adds a part before its update is masked, and the server sees only the noisy sum.

The parts of the minimum number of survivors add up to the full noise; more survivors give more. A sum of discrete Gaussians is nearly one:
what is missing is bounded by Kairouz, Liu and Steinke 2021, "The distributed discrete Gaussian mechanism", theorem 1, and the sum is
accounted as concentrated.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

from workloads.federation.errors import PrivacyError
from workloads.federation.privacy.accounting.releases import ConcentratedRelease
from workloads.federation.privacy.mechanisms.discrete_gaussian import Integers, RandomBytes, discrete_gaussian


@dataclass(frozen=True, slots=True)
class DistributedNoise:
    """The noise of a secure sum of vectors of integers.

    Attributes:
        sensitivity: L2 sensitivity of the sum, in integer steps, under the neighbouring relation of the statement.
        length: entries of a vector.
        honest: how many survivors add their part and keep it secret; at most the threshold of the secure sum.
        client_variance: sigma^2 of each part, in steps squared.

    Raises:
        PrivacyError: a number is out of range.
    """

    sensitivity: float
    length: int
    honest: int
    client_variance: int

    def __post_init__(self) -> None:
        if not (math.isfinite(self.sensitivity) and self.sensitivity > 0) or self.length < 1 or self.honest < 1 or self.client_variance < 1:
            raise PrivacyError(f"sensitivity, length, honest clients and variance must be positive: {self}")

    @classmethod
    def for_multiplier(cls, noise_multiplier: float, *, sensitivity: float, length: int, honest: int) -> DistributedNoise:
        """Return the parts that add up to at least ``noise_multiplier`` times the sensitivity."""
        return cls(sensitivity, length, honest, math.ceil((noise_multiplier * sensitivity) ** 2 / honest))

    @property
    def release(self) -> ConcentratedRelease:
        """The privacy cost of one noisy sum."""
        exponents = (-2 * math.pi**2 * self.client_variance * k / (k + 1) for k in range(1, self.honest))
        gap = 10 * sum(map(math.exp, exponents))
        ratio = self.sensitivity / math.sqrt(self.honest * self.client_variance)
        return ConcentratedRelease(min(ratio**2 + gap * self.length / 2, (ratio + gap * math.sqrt(self.length)) ** 2) / 2)

    def total_deviation(self, clients: int) -> float:
        """Return the standard deviation of the noise of so many clients, in steps."""
        return math.sqrt(clients * self.client_variance)

    def draw(self, random_bytes: RandomBytes = os.urandom) -> Integers:
        """Return one client's part; it is added to the quantised update before masking."""
        return discrete_gaussian(self.length, self.client_variance, random_bytes)
