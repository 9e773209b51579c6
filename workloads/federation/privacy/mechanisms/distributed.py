"""Distributed noise: each client adds a part before its update is masked, and the server sees only the noisy sum.

The parts of the minimum number of survivors add up to the full noise; more survivors give more. A sum of discrete Gaussians is nearly one:
what is missing is bounded by Kairouz, Liu and Steinke 2021, "The distributed discrete Gaussian mechanism", theorem 1.

What the sum costs is known in two ways. It is concentrated, whatever its variance. And a discrete Gaussian of variance V is what randomised
rounding makes of a continuous one of variance V - s^2: round y to the integer k with a probability proportional to
exp(-(k - y)^2 / (2 s^2)). This is so up to a factor between 1 - e and 1 + e an entry, with e about 4 * 2 exp(-2 pi^2 s^2), because the
normalisation of the rounding hardly depends on y (Poisson summation; Micciancio and Regev 2007, lemma 4.4). Rounding is post-processing, so
the accountants of the Gaussian mechanism cover the sum, and those are exact.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Final

from workloads.federation.errors import PrivacyError
from workloads.federation.privacy.accounting.releases import ConcentratedRelease, GaussianRelease
from workloads.federation.privacy.mechanisms.discrete_gaussian import Integers, RandomBytes, discrete_gaussian

#: Variance of the randomised rounding, s^2.
_ROUNDING: Final = 4.0
#: Largest logarithm of a ratio of probabilities by which the sum may differ from a rounded Gaussian. A hundred thousand sums then differ by
#: less than what the noise multiplier is taken smaller than it is.
_NEGLIGIBLE: Final = 1e-18
_SLACK: Final = 1e-9


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
        """Return the parts that add up to a sum that costs what Gaussian noise with ``noise_multiplier`` does."""
        variance = (noise_multiplier * (1 + 2 * _SLACK) * sensitivity) ** 2 + _ROUNDING
        return cls(sensitivity, length, honest, math.ceil(variance / honest))

    @property
    def gaussian(self) -> GaussianRelease:
        """The Gaussian mechanism that reveals no less than one noisy sum.

        Raises:
            PrivacyError: the noise is too coarse to be taken for a rounded Gaussian.
        """
        rounded = self.honest * self.client_variance - _ROUNDING
        apart = self.length * (self._gap + 8 * math.exp(-2 * math.pi**2 * _ROUNDING))
        if rounded <= 0 or apart > _NEGLIGIBLE:
            raise PrivacyError(f"noise of variance {self.client_variance} a client is too coarse for this: account for it by `rdp`")
        return GaussianRelease((1 - _SLACK) * math.sqrt(rounded) / self.sensitivity)

    @property
    def concentrated(self) -> ConcentratedRelease:
        """The privacy cost of one noisy sum, whatever its variance."""
        gap, ratio = self._gap, self.sensitivity / math.sqrt(self.honest * self.client_variance)
        return ConcentratedRelease(min(ratio**2 + gap * self.length / 2, (ratio + gap * math.sqrt(self.length)) ** 2) / 2)

    @property
    def _gap(self) -> float:
        """How far an entry of the sum is from a discrete Gaussian: the largest logarithm of a ratio of probabilities."""
        return 10 * sum(math.exp(-2 * math.pi**2 * self.client_variance * k / (k + 1)) for k in range(1, self.honest))

    def total_deviation(self, clients: int) -> float:
        """Return the standard deviation of the noise of so many clients, in steps."""
        return math.sqrt(clients * self.client_variance)

    def draw(self, random_bytes: RandomBytes = os.urandom) -> Integers:
        """Return one client's part; it is added to the quantised update before masking."""
        return discrete_gaussian(self.length, self.client_variance, random_bytes)
