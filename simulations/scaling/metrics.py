"""From the readings of pods to a desired number of replicas, as the replica calculator of kube-controller-manager does it.

Rule 1: desired = ⌈current · reading / target⌉, unless the ratio is within the tolerance of 1.
Rule 2: pods that are not ready, or have no reading, are left out at first. Then they are assumed to be where they damp the change: a
missing pod uses all that it may if the number would fall, and nothing if it would rise; a pod that is not ready uses nothing.
Rule 3: if that turns the direction, or ends within the tolerance, nothing changes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

#: ``--horizontal-pod-autoscaler-tolerance``.
TOLERANCE: Final = 0.1


@dataclass(frozen=True, slots=True)
class PodReadings:
    """The readings of one metric, in the unit of its target. ``ready`` pods have one, ``missing`` have none, ``unready`` start up.

    ``full`` is what a missing pod is assumed to use when the number would fall: for a utilisation its whole request, for other metrics the
    target (the default). ``utilisation``: readings and target are shares of a request, which Kubernetes compares in whole per cent.
    """

    target: float
    ready: Sequence[float]
    missing: int = 0
    unready: int = 0
    full: float | None = None
    utilisation: bool = False

    def ratio(self, total: float, pods: int) -> float:
        """Return the mean of readings that add up to ``total`` as a share of the target."""
        mean = total / pods
        return (math.floor(_exact(100 * mean)) / 100 if self.utilisation else mean) / self.target


def desired_replicas(
    current: int, readings: PodReadings, *, up_tolerance: float = TOLERANCE, down_tolerance: float = TOLERANCE
) -> int | None:
    """Return how many replicas the metric asks for; None if no pod has a reading, so that it asks for nothing."""
    if not readings.ready:
        return None
    ratio = readings.ratio(math.fsum(readings.ready), len(readings.ready))
    damped = readings.missing or (readings.unready and ratio > 1)
    if not damped:
        return current if _tolerated(ratio, up_tolerance, down_tolerance) else math.ceil(_exact(ratio * len(readings.ready)))
    pods = len(readings.ready) + readings.missing + (readings.unready if ratio > 1 else 0)
    assumed = readings.missing * (readings.target if readings.full is None else readings.full) if ratio < 1 else 0.0
    again = readings.ratio(math.fsum(readings.ready) + assumed, pods)
    if _tolerated(again, up_tolerance, down_tolerance) or (ratio < 1 < again) or (again < 1 < ratio):
        return current
    wanted = math.ceil(_exact(again * pods))
    return current if (again < 1 and wanted > current) or (again > 1 and wanted < current) else wanted


def _tolerated(ratio: float, up: float, down: float) -> bool:
    return 1 - down <= _exact(ratio) <= 1 + up


def _exact(value: float) -> float:
    """Undo the rounding of binary fractions, which would make ⌈3.0000000000000004⌉ a 4."""
    return round(value, 9)
