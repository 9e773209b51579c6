"""The cost of a simulated run, and the use of its GPU seconds.

Rule 1: every GPU second of a run ends in exactly one bucket; the sum is checked to 1e-9 of the total.
Rule 2: a price for a token divides what the platform costs by what it produced, so idle time is in it. A calculator that assumes full
use is wrong by one over the utilisation (arXiv 2606.11690).
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
    """GPU seconds of a run by what became of them.

    ``serving``: an engine had work. ``waiting``: an engine had none. ``down``: held by a replica that could not serve.
    ``other``: requested by pods that are no engines. ``unrequested``: on nodes, asked for by nobody.
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
        """Share of all GPU seconds during which an engine had work; None where there are no GPUs."""
        return self.serving_s / self.total_s if self.total_s else None


def usd_per_million_output_tokens(outcome: Outcome, hourly_usd: float) -> float | None:
    """Return what a million output tokens cost at the rate of this run, None where none came out."""
    if outcome.output_tokens_per_s <= 0:
        return None
    return hourly_usd / 3600 / outcome.output_tokens_per_s * 1e6
