"""The exact epsilon of Gaussian releases on all units.

T releases with noise multipliers sigma_i are one Gaussian mechanism with mu = sqrt(sum 1/sigma_i^2), and
delta(epsilon) = Phi(mu/2 - epsilon/mu) - exp(epsilon) Phi(-mu/2 - epsilon/mu) (Balle and Wang 2018, theorem 8).
"""

from __future__ import annotations

import math
from typing import Final

from workloads.federation.errors import PrivacyError
from workloads.federation.privacy.accounting.logarithms import log_erfc
from workloads.federation.privacy.accounting.releases import GaussianRelease, Releases
from workloads.federation.privacy.statement import Statement

_HALVINGS: Final = 200


class ExactAccountant:
    """Gaussian releases with a sampling rate of 1, to rounding errors."""

    name = "exact"

    def epsilon(self, releases: Releases, statement: Statement) -> float:
        """Return epsilon; see :class:`~workloads.federation.privacy.accounting.accountant.Accountant`."""
        squares = 0.0
        for release, count in releases.items():
            if not isinstance(release, GaussianRelease) or release.sampling_rate < 1:
                raise PrivacyError(f"the exact accountant covers Gaussian noise on all units only, not {release}")
            squares += count / release.noise_multiplier**2
        return gaussian_epsilon(math.sqrt(squares), statement.delta)


def gaussian_epsilon(mu: float, delta: float) -> float:
    """Return the least epsilon of a Gaussian mechanism whose means differ by ``mu`` standard deviations; bisection, from above."""
    if mu == 0 or _log_delta(0.0, mu) <= math.log(delta):
        return 0.0
    low, high = 0.0, 1.0
    while _log_delta(high, mu) > math.log(delta):
        low, high = high, 2 * high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if _log_delta(middle, mu) > math.log(delta) else (low, middle)
    return high


def _log_delta(epsilon: float, mu: float) -> float:
    """Return log delta(epsilon); both terms in logarithms, so that nothing overflows."""
    first = log_erfc((epsilon / mu - mu / 2) / math.sqrt(2)) - math.log(2)
    second = epsilon + log_erfc((epsilon / mu + mu / 2) / math.sqrt(2)) - math.log(2)
    return first + math.log1p(-math.exp(second - first)) if second < first else -math.inf
