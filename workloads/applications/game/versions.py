"""Versions of a policy in service: one answers, another takes its place at once, and the first comes back if the second earns less.

Rule 1: a request reads :attr:`Versions.current` once, and keeps it. A swap is one assignment, so no request waits for it or fails by it.
Rule 2: each version's rewards are counted apart. A new version is rolled back when its mean is below that of the version before by three
standard errors of their difference (Welch 1947), after thirty games. Three and not two, because the test is repeated after every game.
Rule 3: a version that was rolled back does not come back by itself.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from workloads.applications.errors import RequestError

_LEAST_GAMES: Final = 30
_ERRORS: Final = 3.0


@dataclass
class Rewards:
    """Count, mean and sum of squared deviations of rewards (Welford 1962)."""

    count: int = 0
    mean: float = 0.0
    _squares: float = 0.0

    def add(self, reward: float) -> None:
        """Count one more."""
        self.count += 1
        before = reward - self.mean
        self.mean += before / self.count
        self._squares += before * (reward - self.mean)

    @property
    def variance_of_mean(self) -> float:
        """Estimated variance of the mean; infinite below two rewards."""
        return self._squares / (self.count - 1) / self.count if self.count > 1 else math.inf


@dataclass(frozen=True)
class Version:
    """One policy in service: its number, and an action by state."""

    number: int
    actions: np.ndarray[Any, np.dtype[np.int64]]
    rewards: Rewards = field(default_factory=Rewards)


class Versions:
    """The versions of one policy; safe to use from many threads."""

    def __init__(self, actions: np.ndarray[Any, np.dtype[np.int64]]) -> None:
        self._lock = threading.Lock()
        self._known = {1: Version(1, actions)}
        self._before: Version | None = None
        self.current = self._known[1]
        """The version that answers."""
        self.rolled_back: list[int] = []
        """Numbers of the versions that earned less than the one before."""

    def deploy(self, actions: np.ndarray[Any, np.dtype[np.int64]]) -> Version:
        """Put a new version into service at once."""
        with self._lock:
            version = Version(max(self._known) + 1, actions)
            self._known[version.number] = version
            self._before, self.current = self.current, version
            return version

    def report(self, number: int, reward: float) -> bool:
        """Count the reward of a finished game; return whether the current version was rolled back because of it.

        Raises:
            RequestError: there is no such version, or the reward is not from 0 to 1.
        """
        if not 0 <= reward <= 1:
            raise RequestError(f"reward {reward}: a number from 0 (lost) to 1 (won) is expected")
        with self._lock:
            if number not in self._known:
                raise RequestError(f"version {number} is not known; there are {', '.join(map(str, self._known))}")
            self._known[number].rewards.add(reward)
            if self._before is None or not _earns_less(self.current.rewards, self._before.rewards):
                return False
            self.rolled_back.append(self.current.number)
            self.current, self._before = self._before, None
            return True


def _earns_less(new: Rewards, old: Rewards) -> bool:
    if min(new.count, old.count) < _LEAST_GAMES:
        return False
    return old.mean - new.mean > _ERRORS * math.sqrt(new.variance_of_mean + old.variance_of_mean)
