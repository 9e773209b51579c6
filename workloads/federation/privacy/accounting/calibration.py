"""The least noise for a budget, and the most releases within one.

Rényi divergences are cheap and bound every other accountant here from above, so the search starts from their answer. Epsilon is close to a
power of the noise and of the number of releases: false position on logarithms takes a few steps where halving takes twenty.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Final

from workloads.federation.errors import PrivacyError
from workloads.federation.privacy.accounting.accountant import Accountant
from workloads.federation.privacy.accounting.rdp import RdpAccountant
from workloads.federation.privacy.accounting.releases import GaussianRelease, Release
from workloads.federation.privacy.statement import Statement

_MOST_NOISE: Final = 1e6
_LEAST_EPSILON: Final = 1e-12


def noise_multiplier(
    accountant: Accountant, statement: Statement, *, epsilon: float, releases: int, sampling_rate: float = 1.0, tolerance: float = 1e-6
) -> float:
    """Return a noise multiplier that keeps ``epsilon``, at most ``tolerance`` above the least one.

    Raises:
        PrivacyError: epsilon or the number of releases is not positive, or no noise multiplier up to a million is enough.
    """
    if not (math.isfinite(epsilon) and epsilon > 0) or releases < 1:
        raise PrivacyError(f"calibration needs a positive epsilon and at least one release, not {epsilon!r} and {releases!r}")

    def excess(method: Accountant) -> Callable[[float], float]:
        return cache(lambda noise: _excess(method.epsilon({GaussianRelease(noise, sampling_rate): releases}, statement), epsilon))

    high = 1.0
    while excess(RdpAccountant())(high) > 0:
        high *= 2
        if high > _MOST_NOISE:
            raise PrivacyError(f"no noise multiplier up to {_MOST_NOISE:g} keeps epsilon {epsilon:g} at delta {statement.delta:g}")
    while high > tolerance and excess(RdpAccountant())(high / 2) <= 0:
        high /= 2
    _, start = _crossing(excess(RdpAccountant()), high / 2, high, tolerance=max(tolerance, 1e-3 * high))
    function = excess(accountant)
    low, high = 0.9 * start, start
    while function(high) > 0:
        high *= 1.1
    while low > tolerance and function(low) <= 0:
        low, high = 0.8 * low, low
    return _crossing(function, low, high, tolerance=tolerance)[1]


def most_releases(accountant: Accountant, statement: Statement, release: Release, *, epsilon: float) -> int:
    """Return how often ``release`` may be made within ``epsilon``.

    Raises:
        PrivacyError: epsilon is not positive, or the accountant does not cover such a release.
    """
    if not (math.isfinite(epsilon) and epsilon > 0):
        raise PrivacyError(f"a budget must be a positive epsilon, not {epsilon!r}")

    def excess(method: Accountant) -> Callable[[float], float]:
        return lambda count: _excess(method.epsilon({release: int(count)}, statement), epsilon)

    if excess(accountant)(1) > 0:
        return 0
    low = max(1, _doubling(excess(RdpAccountant()), 1) // 2)
    function = excess(accountant)
    while function(low) > 0:
        low //= 2
    high = _doubling(function, 2 * low)
    return int(_crossing(function, max(low, high // 2), high, tolerance=1, step=math.floor)[0])


def _doubling(function: Callable[[float], float], start: int) -> int:
    while function(start) <= 0:
        start *= 2
    return start


def _excess(epsilon: float, budget: float) -> float:
    return math.log(max(epsilon, _LEAST_EPSILON) / budget)


def _crossing(
    function: Callable[[float], float], low: float, high: float, *, tolerance: float, step: Callable[[float], float] = float
) -> tuple[float, float]:
    """Narrow the bracket of a sign change to ``tolerance``; false position on log(x), with halvings where it stalls (Illinois)."""
    at_low, at_high = function(low), function(high)
    weight_low = weight_high = 1.0
    while high - low > tolerance:
        left, right = at_low * weight_low, at_high * weight_high
        share = min(max(left / (left - right), 0.0), 1.0)
        guess = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        # Half a tolerance inside the bracket, or the far end would never move.
        middle = step(min(max(guess, low + tolerance / 2), high - tolerance / 2))
        middle = middle if low < middle < high else step(low + tolerance)
        value = function(middle)
        if (value > 0) == (at_low > 0):
            low, at_low, weight_low, weight_high = middle, value, 1.0, weight_high / 2
        else:
            high, at_high, weight_high, weight_low = middle, value, 1.0, weight_low / 2
    return low, high
