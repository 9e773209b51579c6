"""The rate of requests over a run, in multiples of the environment's: constant, or with a ramp.

A ramp does not draw other requests, it moves them in time: what arrives when the environment's own traffic has passed ``x`` seconds
arrives here when the integral of the rate is ``x``. So all scenarios share their requests (common random numbers).
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """``factor`` times the environment's rate; from ``start_s`` on it changes linearly within ``length_s`` to ``to`` times that.

    ``length_s`` 0 is a step. ``to`` 0 ends the traffic.
    """

    factor: float = 1.0
    to: float = 1.0
    start_s: float = math.inf
    length_s: float = 0.0

    @property
    def largest(self) -> float:
        """The largest multiple."""
        return self.factor * max(1.0, self.to)

    def passed_s(self, until_s: float) -> float:
        """Return the seconds of the environment's own traffic that pass until ``until_s``: the integral of the rate."""
        flat = min(until_s, self.start_s)
        ramp = min(max(0.0, until_s - self.start_s), self.length_s)
        after = max(0.0, until_s - self.start_s - self.length_s)
        risen = (self.to - 1) * ramp * ramp / (2 * self.length_s) if ramp else 0.0
        return self.factor * (flat + ramp + risen + self.to * after)

    def at_s(self, passed_s: float) -> float:
        """Return when so many seconds of the environment's own traffic have passed: the inverse; infinite if they never do."""
        left = passed_s / self.factor
        if left <= self.start_s:
            return left
        left -= self.start_s
        whole = self.length_s * (1 + self.to) / 2
        if left < whole:
            # length · (√(1 + 2 k left / length) - 1) / k with k = to - 1, in the form that is exact as k goes to zero.
            k = (self.to - 1) / self.length_s
            return self.start_s + 2 * left / (1 + math.sqrt(max(0.0, 1 + 2 * k * left)))
        if not self.to:
            return self.start_s + self.length_s if left == whole else math.inf
        return self.start_s + self.length_s + (left - whole) / self.to
