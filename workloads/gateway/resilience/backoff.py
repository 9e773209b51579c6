"""How long to wait before a retry, and how many retries the traffic allows.

Backoff is exponential with full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015): uniform between 0 and the bound, here from
100 ms on and at most 30 s. A ``retry-after`` in the failure takes its place and is never shortened: if the deadline does not allow it,
there is no retry.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Backoff:
    """The schedule."""

    base_s: float = 0.1
    cap_s: float = 30.0

    def wait_s(self, failures: int, retry_after_s: float | None, random: Random) -> float:
        """Return the wait after so many ``failures`` (from 1); ``retry_after_s`` is the delay that the last one requested."""
        if retry_after_s is not None:
            return retry_after_s
        return random.uniform(0.0, min(self.cap_s, self.base_s * 2.0 ** (failures - 1)))


class RetryBudget:
    """Limits retries to a share of the traffic, so that clients do not amplify an outage.

    Every request earns ``share`` of a retry; at most ``reserve`` are saved up, which is also the initial budget.
    """

    __slots__ = ("_left", "reserve", "share")

    def __init__(self, share: float = 0.1, reserve: float = 10.0) -> None:
        self.share = share
        self.reserve = reserve
        self._left = reserve

    def earn(self) -> None:
        """Count a request."""
        self._left = min(self.reserve, self._left + self.share)

    def spend(self) -> bool:
        """Spend one retry; return whether there was one."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
