"""The circuit breaker of one target: provider, model and region.

Rule 1: it opens when, over a sliding window, too many of enough calls failed or were slow; while it is open nothing is sent.
Rule 2: after that exactly one call, the probe, is let through; its success closes the breaker, its failure opens it for twice as long.
Calls that were let through before it opened and end later decide nothing.
Rule 3: a provider's ``retry-after`` extends the time that it stays open.
Rule 4: a client error is not a failure of the target.
"""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass
from typing import Final

_LONGEST_OPEN_S: Final = 300.0


class State(enum.StrEnum):
    """Whether calls are let through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When it opens, and for how long."""

    window_s: float = 30.0
    least_calls: int = 3
    failed_share: float = 0.5
    slow_s: float = 30.0
    slow_share: float = 0.8
    open_s: float = 30.0


class Breaker:
    """One breaker."""

    __slots__ = ("_calls", "_failed", "_open_for_s", "_open_until_s", "_probe_began_s", "_probing", "_slow", "rules", "state")

    def __init__(self, rules: BreakerRules) -> None:
        self.rules = rules
        self.state = State.CLOSED
        self._calls: deque[tuple[float, bool, bool]] = deque()
        self._failed = 0
        self._slow = 0
        self._open_until_s = 0.0
        self._open_for_s = rules.open_s
        self._probing = False
        self._probe_began_s = 0.0

    def allows(self, now_s: float) -> bool:
        """Return whether a call would be let through."""
        if self.state is State.CLOSED:
            return True
        return now_s >= self._open_until_s and not self._probing

    def enter(self, now_s: float) -> bool:
        """Let a call through, as the probe where the breaker was open; return whether it may go."""
        if not self.allows(now_s):
            return False
        if self.state is not State.CLOSED:
            self.state = State.HALF_OPEN
            self._probing = True
            self._probe_began_s = now_s
        return True

    def leave(
        self, now_s: float, *, failed: bool, took_s: float = 0.0, retry_after_s: float | None = None, began_s: float | None = None
    ) -> None:
        """Record how a call ended that was let through at ``began_s`` (default: by the last :meth:`enter`)."""
        if self._is_late(began_s):
            return
        if self.state is State.HALF_OPEN:
            self._probing = False
            if failed:
                self._open_for_s = min(_LONGEST_OPEN_S, self._open_for_s * 2.0)
                self._open(now_s, retry_after_s)
            else:
                self._close()
            return
        slow = took_s > self.rules.slow_s
        self._calls.append((now_s, failed, slow))
        self._failed += failed
        self._slow += slow
        self._forget(now_s - self.rules.window_s)
        count = len(self._calls)
        if self.state is State.CLOSED and count >= self.rules.least_calls:
            too_many_failed = failed and self._failed >= self.rules.failed_share * count
            too_many_slow = slow and self._slow >= self.rules.slow_share * count
            if too_many_failed or too_many_slow:
                self._open_for_s = self.rules.open_s
                self._open(now_s, retry_after_s)

    def abandon(self, began_s: float | None = None) -> None:
        """Discard a call that says nothing about the target, for instance because its client disconnected."""
        if not self._is_late(began_s):
            self._probing = False

    def _is_late(self, began_s: float | None) -> bool:
        """Whether a call is from before the breaker opened, and is not the probe that decides."""
        return began_s is not None and self.state is State.HALF_OPEN and began_s < self._probe_began_s

    def opens_in_s(self, now_s: float) -> float:
        """Return the seconds until a probe may go."""
        return 0.0 if self.state is State.CLOSED else max(0.0, self._open_until_s - now_s)

    def _open(self, now_s: float, retry_after_s: float | None) -> None:
        self.state = State.OPEN
        self._open_until_s = now_s + max(self._open_for_s, min(retry_after_s or 0.0, _LONGEST_OPEN_S))

    def _close(self) -> None:
        self.state = State.CLOSED
        self._calls.clear()
        self._failed = self._slow = 0

    def _forget(self, before_s: float) -> None:
        calls = self._calls
        while calls and calls[0][0] < before_s:
            _, failed, slow = calls.popleft()
            self._failed -= failed
            self._slow -= slow
