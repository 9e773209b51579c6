"""What rules a configuration out without a simulation: its engines at their best, under the requests that they have to serve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from foundation.measures import quantiles

if TYPE_CHECKING:
    from foundation.measures import Quantiles
    from simulations.serving.port import Bounds, Work
    from stacks.environment.thresholds import Threshold

DOES_NOT_FIT: Final = "the model does not fit those GPUs, or nothing is known of such groups"
RATE: Final = "cannot carry the rate: the engines would need more than all their time (utilisation law)"
ALONE: Final = "too slow even for a request that has an engine for itself (roofline)"


@dataclass(frozen=True)
class Floors:
    """The least that engines with ``bounds`` take for ``work``; beside it, others answer ``others`` requests, at once for all we know."""

    bounds: Bounds
    work: Work
    others: int = 0

    def misses(self, replicas: int, thresholds: Sequence[Threshold]) -> str | None:
        """Return why so many replicas cannot keep ``thresholds``; None if they may."""
        if any(not threshold.holds(floor) for threshold in thresholds if (floor := self._floor(threshold)) is not None):
            return ALONE
        return RATE if self._busy_share > replicas else None

    def _floor(self, threshold: Threshold) -> float | None:
        """Return the least value of a latency that is limited from above; None for any other figure."""
        quantile, _, latency = threshold.metric.partition("_")
        found = self._latencies.get(latency)
        return getattr(found, quantile, None) if found is not None and threshold.symbol in {"<", "<="} else None

    @cached_property
    def _busy_share(self) -> float:
        return self.bounds.busy_share(self.work)

    @cached_property
    def _latencies(self) -> dict[str, Quantiles]:
        """Latencies in ms as if every request had an engine for itself. Later ones are larger request by request, and so are quantiles."""
        times = [(*self.bounds.alone_s(prompt, output), output) for prompt, output in self.work.requests]
        at_once = [0.0] * self.others
        return {
            "ttft_ms": quantiles([first * 1e3 for first, _, _ in times] + at_once),
            "tpot_ms": quantiles([(last - first) * 1e3 / (output - 1) for first, last, output in times if output > 1] + at_once),
            "e2e_ms": quantiles([last * 1e3 for _, last, _ in times] + at_once),
        }
