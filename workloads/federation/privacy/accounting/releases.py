"""The kinds of releases that an accountant knows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from workloads.federation.errors import PrivacyError


@dataclass(frozen=True, slots=True, order=True)
class GaussianRelease:
    """A sum with Gaussian noise.

    Attributes:
        noise_multiplier: standard deviation of the noise over the L2 sensitivity of the sum.
        sampling_rate: probability with which each unit takes part, by Poisson sampling; 1 if all do.

    Raises:
        PrivacyError: the noise or the rate is out of range.
    """

    noise_multiplier: float
    sampling_rate: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.noise_multiplier) and self.noise_multiplier > 0):
            raise PrivacyError(f"the noise multiplier must be a positive number, not {self.noise_multiplier!r}")
        if not 0 < self.sampling_rate <= 1:
            raise PrivacyError(f"the sampling rate must be above 0 and at most 1, not {self.sampling_rate!r}")


@dataclass(frozen=True, slots=True, order=True)
class ConcentratedRelease:
    """A release with zero-concentrated differential privacy (Bun and Steinke 2016): Rényi divergence at most ``alpha * rho``.

    Discrete Gaussian noise on vectors is accounted so; see ``mechanisms.distributed``.

    Raises:
        PrivacyError: rho is not a positive number.
    """

    rho: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rho) and self.rho > 0):
            raise PrivacyError(f"rho must be a positive number, not {self.rho!r}")


Release: TypeAlias = GaussianRelease | ConcentratedRelease
#: How often each release was, or is to be, made; the order does not matter to any accountant.
Releases: TypeAlias = Mapping[Release, int]
