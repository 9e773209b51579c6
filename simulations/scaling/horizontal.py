"""The Horizontal Pod Autoscaler: every 15 s from the readings of all metrics to a number of replicas.

Rule 1: the metric that asks for most wins. While one of them has no readings, the number may rise but not fall.
Rule 2: the stabilisation windows come first, then the policies, then the bounds of the spec.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from simulations.errors import TwinError
from simulations.scaling.metrics import PodReadings, desired_replicas
from simulations.scaling.rules import DEFAULT_DOWN, DEFAULT_UP, History, Rules

#: ``--horizontal-pod-autoscaler-sync-period``.
SYNC_PERIOD_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class HorizontalSpec:
    """Bounds and rules of an autoscaler.

    Raises:
        TwinError: the bounds contradict each other.
    """

    least: int
    most: int
    up: Rules = DEFAULT_UP
    down: Rules = DEFAULT_DOWN

    def __post_init__(self) -> None:
        if not 0 <= self.least <= self.most:
            raise TwinError(f"autoscaler: from {self.least} to {self.most} replicas; the minimum cannot be above the maximum")


@dataclass(slots=True)
class Autoscaler:
    """An autoscaler with its memory; ``history`` is what the windows and the policies look back on."""

    spec: HorizontalSpec
    history: History = field(default_factory=History)

    def replicas(self, now_s: float, current: int, metrics: Sequence[PodReadings]) -> int:
        """Return the number of replicas from ``now_s`` on; it is taken as done."""
        spec = self.spec
        if current == 0:
            return 0  # switched off until someone else sets replicas
        if not self.history.recommended:
            self.history.recommended.append((now_s, current))  # as the controller does when it first sees the object
        wanted = self._wanted(current, metrics)
        if wanted is None:
            return current
        desired = self.history.stabilised(now_s, current, wanted, spec.up, spec.down)
        if desired > current:
            desired = min(desired, self.history.limit_up(now_s, current, spec.up))
        elif desired < current:
            desired = max(desired, self.history.limit_down(now_s, current, spec.down))
        desired = min(max(desired, spec.least), spec.most)
        if desired != current:
            self.history.changes.append((now_s, desired - current))
        return desired

    def _wanted(self, current: int, metrics: Sequence[PodReadings]) -> int | None:
        """Return the largest proposal; None if there is none, or if one is missing and the others would scale down."""
        if current > self.spec.most:
            return self.spec.most
        if current < self.spec.least:
            return self.spec.least
        tolerances = {"up_tolerance": self.spec.up.tolerance, "down_tolerance": self.spec.down.tolerance}
        proposals = [desired_replicas(current, readings, **tolerances) for readings in metrics]
        known = [proposal for proposal in proposals if proposal is not None]
        if not known or (len(known) < len(proposals) and max(known) < current):
            return None
        return max(known)
