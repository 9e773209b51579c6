"""Scaling rules: stabilisation windows, and policies of how fast the number of replicas may change.

KEP-853; the field ``behavior`` of autoscaling/v2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Policy:
    """At most ``value`` pods, or per cent of those at the start of the period, within ``period_s``."""

    kind: Literal["Pods", "Percent"]
    value: int
    period_s: float


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules for one direction.

    Of the numbers recommended within ``stabilisation_s`` the most cautious counts. ``select`` takes the policy that allows the largest
    change (Max), the smallest (Min), or none (Disabled).
    """

    policies: tuple[Policy, ...]
    stabilisation_s: float = 0.0
    select: Literal["Max", "Min", "Disabled"] = "Max"
    tolerance: float = 0.1


DEFAULT_UP: Final = Rules((Policy("Percent", 100, 15), Policy("Pods", 4, 15)))
DEFAULT_DOWN: Final = Rules((Policy("Percent", 100, 15),), stabilisation_s=300)


@dataclass(slots=True)
class History:
    """Earlier recommendations and changes, each with its time. A change is positive if replicas were added."""

    recommended: list[tuple[float, int]] = field(default_factory=list)
    changes: list[tuple[float, int]] = field(default_factory=list)

    def stabilised(self, now_s: float, current: int, desired: int, up: Rules, down: Rules) -> int:
        """Return the most cautious recommendation of the windows, and remember ``desired``."""
        lowest = min([number for at_s, number in self.recommended if at_s > now_s - up.stabilisation_s], default=desired)
        highest = max([number for at_s, number in self.recommended if at_s > now_s - down.stabilisation_s], default=desired)
        self.recommended = [entry for entry in self.recommended if entry[0] > now_s - max(up.stabilisation_s, down.stabilisation_s)]
        self.recommended.append((now_s, desired))
        return max(min(current, max(highest, desired)), min(lowest, desired))

    def limit_up(self, now_s: float, current: int, rules: Rules) -> int:
        """Return the largest number that the policies allow."""
        return max(current, self._limit(now_s, current, rules, +1))

    def limit_down(self, now_s: float, current: int, rules: Rules) -> int:
        """Return the smallest number that the policies allow."""
        return min(current, self._limit(now_s, current, rules, -1))

    def _limit(self, now_s: float, current: int, rules: Rules, direction: int) -> int:
        if rules.select == "Disabled":
            return current
        allowed = [_allowed(policy, self._at_start(now_s, current, policy.period_s), direction) for policy in rules.policies]
        return max(allowed) if (rules.select == "Max") == (direction > 0) else min(allowed)

    def _at_start(self, now_s: float, current: int, period_s: float) -> int:
        """Return the replicas at the start of the period that ends now."""
        return current - sum(change for at_s, change in self.changes if at_s > now_s - period_s)


def _allowed(policy: Policy, start: int, direction: int) -> int:
    if policy.kind == "Pods":
        return start + direction * policy.value
    changed = start * (100 + direction * policy.value)
    return math.ceil(changed / 100) if direction > 0 else changed // 100
