"""A rate limit that can be reserved and settled: GCRA (ITU-T I.371) over amounts.

A request reserves the most it may need, and settles to what it really used. The state is one number per limit: the time at which the bucket
would be full again.
"""

from __future__ import annotations


class Rate:
    """``per_min`` with a burst of one minute's worth. ``now_s`` is monotonic."""

    __slots__ = ("_empty_at_s", "per_min")

    def __init__(self, per_min: float) -> None:
        self.per_min = per_min
        self._empty_at_s = 0.0  # when everything reserved so far has drained

    def wait_s(self, amount: float, now_s: float) -> float:
        """Return the seconds until ``amount`` could be reserved, 0 for now. More than a minute's worth passes an idle limit alone."""
        backlog_s = max(0.0, self._empty_at_s - now_s)
        over_s = backlog_s + min(amount, self.per_min) * 60.0 / self.per_min - 60.0
        return over_s if over_s > 1e-6 else 0.0

    def take(self, amount: float, now_s: float) -> None:
        """Reserve, or release with a negative amount."""
        self._empty_at_s = max(self._empty_at_s, now_s) + amount * 60.0 / self.per_min

    def left(self, now_s: float) -> float:
        """Return the amount that could be reserved now."""
        return max(0.0, (60.0 - max(0.0, self._empty_at_s - now_s)) * self.per_min / 60.0)
