"""The cost of a simulated run, and how its GPU seconds were used.

Rule 1: every GPU second of a run ends in exactly one bucket; the sum is checked to 1e-9 of the total.
Rule 2: the price of a token is the platform's cost divided by its output, so it includes idle time. A calculator that assumes full
utilisation is off by a factor of one over the utilisation (arXiv 2606.11690).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from foundation.measures.outcome import Outcome


class LedgerError(AssertionError):
    """GPU seconds were lost or counted twice: a bug in the simulation, never in its input."""


@dataclass(frozen=True, slots=True)
class GpuLedger:
    """GPU seconds of a run by use.

    ``serving``: an engine had work. ``waiting``: an engine was idle. ``down``: held by a replica that could not serve. ``other``: requested
    by pods that are not engines. ``unrequested``: on nodes, but requested by no pod.
    """

    total_s: float
    serving_s: float
    waiting_s: float
    down_s: float
    other_s: float
    unrequested_s: float

    def __post_init__(self) -> None:
        buckets = (self.serving_s, self.waiting_s, self.down_s, self.other_s, self.unrequested_s)
        slack = 1e-9 * max(self.total_s, 1.0)
        if min(buckets) < -slack or abs(sum(buckets) - self.total_s) > slack:
            raise LedgerError(f"the buckets {asdict(self)} do not add up to the total")

    @property
    def utilisation(self) -> float | None:
        """Share of all GPU seconds during which an engine had work; None if there are no GPUs."""
        return self.serving_s / self.total_s if self.total_s else None


def usd_per_million_output_tokens(outcome: Outcome, hourly_usd: float) -> float | None:
    """Return the cost of a million output tokens at this run's throughput; None without output tokens."""
    if outcome.output_tokens_per_s <= 0:
        return None
    return hourly_usd / 3600 / outcome.output_tokens_per_s * 1e6
