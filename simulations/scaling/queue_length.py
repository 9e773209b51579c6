"""Scaling on the length of a queue, down to zero, as KEDA does it.

Between one and the maximum, the Horizontal Pod Autoscaler works with the queue length for each replica as its target. KEDA itself switches
between zero and one: on as soon as the queue is longer than the activation threshold, off after the cooldown without any.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from simulations.errors import TwinError
from simulations.scaling.horizontal import Autoscaler, HorizontalSpec
from simulations.scaling.metrics import PodReadings


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """``target`` is the queue length for each replica; the other defaults are those of a ScaledObject.

    Raises:
        TwinError: the target or the cooldown is out of range.
    """

    target: float
    bounds: HorizontalSpec
    activation: float = 0.0
    cooldown_s: float = 300.0

    def __post_init__(self) -> None:
        if not self.target > 0 or not self.cooldown_s >= 0:
            raise TwinError(f"queue scaler: target {self.target} and cooldown {self.cooldown_s} s; expected more than 0, and 0 or more")


@dataclass(slots=True)
class QueueScaler:
    """A scaler with its memory."""

    spec: QueueSpec
    _inner: Autoscaler = field(init=False)
    _active_s: float = field(default=-math.inf, init=False)

    def __post_init__(self) -> None:
        bounds = self.spec.bounds
        self._inner = Autoscaler(HorizontalSpec(max(bounds.least, 1), bounds.most, bounds.up, bounds.down))

    def replicas(self, now_s: float, current: int, queued: float) -> int:
        """Return the number of replicas from ``now_s`` on, given the length of the queue."""
        switched = self.switch(now_s, current, queued)
        if switched is not None:
            return switched
        # An external metric: its value divided by the number of replicas is compared with the target.
        return self._inner.replicas(now_s, current, [PodReadings(self.spec.target, [queued / current] * current)])

    def switch(self, now_s: float, current: int, queued: float) -> int | None:
        """Return the number of replicas if the last one is switched on or off or stays off; None if the autoscaler decides."""
        spec = self.spec
        active = queued > spec.activation
        if active:
            self._active_s = now_s
        if current == 0:
            return max(1, spec.bounds.least) if active else spec.bounds.least
        if spec.bounds.least == 0 and now_s - self._active_s >= spec.cooldown_s:
            return 0
        return None
