"""``sandtable loadtest --sweep``: the rates that were tried, and the largest that holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from sandtable.document.parts.base import Figure, Part

if TYPE_CHECKING:
    from sandtable.jobs.sweep import Sweep as Found


class SweepPoint(Part):
    """One rate."""

    rate_per_s: float
    requests: int = 0
    good_share: Figure = None
    """Share of the requests that were good and within every limit."""
    p95_ttft_ms: Figure = None
    p95_e2e_ms: Figure = None
    output_tokens_per_s: Figure = None
    holds: bool = False
    """Whether at least 95 % were served as promised, by a generator that kept up."""
    invalid: tuple[str, ...] = ()


class RateSweep(Part):
    """The answer."""

    environment: str
    wanted_per_s: float
    """The rate of the environment's traffic."""
    knee_per_s: Figure = None
    """The largest rate that held; null if none did."""
    bounded: bool = False
    """Whether a larger rate broke the promises; otherwise the knee is a lower bound."""
    limits: dict[str, float] = Field(default_factory=dict)
    """Limits of a request in milliseconds, from the thresholds on a p95."""
    points: tuple[SweepPoint, ...] = ()

    @classmethod
    def found(cls, sweep: Found, *, environment: str, wanted_per_s: float) -> RateSweep:
        """Return the document of a sweep."""
        limits = {name: value for name in ("ttft_ms", "tpot_ms", "e2e_ms") if (value := getattr(sweep.limits, name)) is not None}
        return cls(
            environment=environment,
            wanted_per_s=wanted_per_s,
            knee_per_s=sweep.knee_per_s,
            bounded=sweep.bounded,
            limits=limits,
            points=tuple(SweepPoint.of(point) for point in sweep.points),
        )

    @property
    def sentence(self) -> str:
        """The answer in one sentence; it says why, where the environment's rate does not hold."""
        if self.knee_per_s is None:
            late = self.points[0].invalid if self.points else ()
            return f"No rate was measured: {late[0]}." if late else "No rate held."
        at_least = "" if self.bounded else "at least "
        if self.holds:
            return f"Holds {at_least}{self.knee_per_s:.3g} requests a second; {self.wanted_per_s:g} are wanted."
        broken = next((point for point in self.points if not point.holds), self.points[-1])
        return (
            f"Holds {self.knee_per_s:.3g} requests a second, and {self.wanted_per_s:g} are wanted: at {broken.rate_per_s:.3g} only "
            f"{broken.good_share or 0:.0%} of the requests were served as promised."
        )

    @property
    def holds(self) -> bool:
        """Whether the environment's rate holds."""
        return self.knee_per_s is not None and self.knee_per_s >= self.wanted_per_s
