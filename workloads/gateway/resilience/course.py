"""The course of one request over its targets: after each failure, what is tried next and when.

Rule 1: a delay requested by a provider is honoured to the millisecond; if the deadline does not allow it, that target is not retried.
Rule 2: a delay longer than the route's patience is skipped if another target is available.
Rule 3: retries count against the retry budget; failing over does not, because otherwise an outage could not be survived.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Final

from foundation.dialects.model.errors import ErrorKind, ProviderError
from workloads.gateway.resilience.backoff import Backoff, RetryBudget
from workloads.gateway.resilience.breaker import State
from workloads.gateway.resilience.retry_table import Action, action_for

if TYPE_CHECKING:
    from workloads.gateway.configuration.document import Retries
    from workloads.gateway.runtime import Upstream

#: Kinds that say something about the target; the others are about the request, or pass by themselves.
BLAMES_TARGET: Final = frozenset(
    {
        ErrorKind.AUTHENTICATION,
        ErrorKind.PERMISSION,
        ErrorKind.QUOTA,
        ErrorKind.OVERLOADED,
        ErrorKind.TIMEOUT,
        ErrorKind.CONNECTION,
        ErrorKind.TRUNCATED,
        ErrorKind.MALFORMED,
        ErrorKind.INTERNAL,
    }
)


@dataclass(frozen=True, slots=True)
class Step:
    """The next attempt: its target, and the delay before it in seconds."""

    upstream: Upstream
    wait_s: float = 0.0


class Course:
    """One request. ``attempts`` counts the tries so far, ``fell_back`` whether another target than the first was tried."""

    def __init__(
        self, targets: Sequence[Upstream], rules: Retries, backoff: Backoff, budget: RetryBudget, random: Random, deadline_s: float
    ) -> None:
        self.attempts = 0
        self.fell_back = False
        self._targets = targets
        self._rules = rules
        self._backoff = backoff
        self._budget = budget
        self._random = random
        self._deadline_s = deadline_s
        self._at = 0
        self._failures_here = 0

    def first(self) -> Step:
        """Return the first attempt."""
        self.attempts = 1
        return Step(self._targets[0])

    def after(self, error: ProviderError, now_s: float) -> Step | ProviderError:
        """Return the attempt after a failure, or the error for the client."""
        self._failures_here += 1
        upstream = self._targets[self._at]
        action = action_for(upstream.settings.dialect, error)
        if action in (Action.FAIL, Action.NEVER) or self.attempts >= self._rules.max_attempts:
            return error
        elsewhere = self._next(now_s)
        if action is Action.RETRY and (step := self._again(upstream, error, now_s, alone=elsewhere is None)) is not None:
            return step
        if elsewhere is None:
            return self._last_word(error, upstream, now_s)
        self._at = elsewhere
        self._failures_here = 0
        self.attempts += 1
        self.fell_back = True
        return Step(self._targets[elsewhere])

    def _again(self, upstream: Upstream, error: ProviderError, now_s: float, *, alone: bool) -> Step | None:
        if self._failures_here >= self._rules.max_attempts_per_target or upstream.breaker.state is not State.CLOSED:
            return None
        wait_s = self._backoff.wait_s(self._failures_here, error.retry_after_s, self._random)
        if now_s + wait_s >= self._deadline_s or (not alone and wait_s > self._rules.patience_ms / 1e3):
            return None
        if not self._budget.spend():
            return None
        self.attempts += 1
        return Step(upstream, wait_s)

    def _next(self, now_s: float) -> int | None:
        later = range(self._at + 1, len(self._targets))
        return next((index for index in later if self._targets[index].breaker.allows(now_s)), None) if now_s < self._deadline_s else None

    @staticmethod
    def _last_word(error: ProviderError, upstream: Upstream, now_s: float) -> ProviderError:
        """Add a retry delay for the client if the provider gave none."""
        opens_in_s = upstream.breaker.opens_in_s(now_s)
        return replace(error, retry_after_s=round(opens_in_s, 1)) if error.retry_after_s is None and opens_in_s else error
