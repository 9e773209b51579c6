"""``sandtable history``, and ``history.json`` of a run: what became of an environment over time."""

from __future__ import annotations

from statistics import median
from typing import Annotated, Final, Literal, Self

from pydantic import Field

from sandtable.document.parts.base import Cents, Figure, Interval, Number, Part, rounded
from sandtable.document.parts.outcome import Outcome

#: A share of what was measured, to a hundredth of a per cent.
_Share = Annotated[Number, rounded(4)]


class Figures(Part):
    """What a load came to, in short; null where there is no sample."""

    p50_ttft_ms: Figure = None
    p95_ttft_ms: Figure = None
    p95_ttft_ci95: Interval | None = None
    p95_tpot_ms: Figure = None
    p95_e2e_ms: Figure = None
    output_tokens_per_s: Figure = None
    n: int = 0
    """Number of requests behind them."""

    @classmethod
    def of_outcome(cls, outcome: Outcome) -> Self:
        """Return the figures of a whole outcome."""
        return cls(
            p50_ttft_ms=outcome.ttft_ms.p50,
            p95_ttft_ms=outcome.ttft_ms.p95,
            p95_ttft_ci95=outcome.ttft_ms.ci95.get("p95"),
            p95_tpot_ms=outcome.tpot_ms.p95,
            p95_e2e_ms=outcome.e2e_ms.p95,
            output_tokens_per_s=outcome.output_tokens_per_s,
            n=outcome.n,
        )


class Entry(Part):
    """One rehearsal or deployment."""

    at: str
    """ISO 8601, when it was recorded."""
    operation: Literal["rehearse", "up", "down"]
    run: str | None = None
    """Name of the rehearsal's folder under .sandtable/runs."""
    verdict: Literal["ship", "hold", "inconclusive"] | None = None
    """Null for a deployment."""
    exit_code: int | None = None
    measured: Figures | None = None
    predicted: Figures | None = None
    error_p50_ttft: _Share = None
    """(predicted - measured) / measured."""
    error_p95_ttft: _Share = None
    monthly_usd: Cents = None
    usd_per_million_output_tokens: _Share = None
    digest: str = ""
    """Of the graph that was rehearsed."""
    changes: dict[str, int] = Field(default_factory=dict)
    """Number of resources by operation; empty for a rehearsal."""
    seconds: Annotated[Number, rounded(3)] = None

    def figure(self, name: str) -> float | None:
        """Return what :data:`TRENDS` calls ``name``."""
        side, _, field = name.rpartition(".")
        found = getattr(self, side) if side else self
        value: float | None = getattr(found, field, None)
        return value


#: What is followed over time.
TRENDS: Final = (
    "measured.p95_ttft_ms",
    "predicted.p95_ttft_ms",
    "measured.output_tokens_per_s",
    "error_p50_ttft",
    "error_p95_ttft",
    "monthly_usd",
)


class Trend(Part):
    """One figure over all rehearsals that have it."""

    n: int
    lowest: Figure
    median: Figure
    highest: Figure
    last: Figure


class History(Part):
    """What became of an environment, the oldest first."""

    environment: str
    entries: tuple[Entry, ...] = ()
    earlier: int = 0
    """How many older entries are left out."""
    unreadable: int = 0
    """How many entries a newer version has written, or are damaged."""
    trends: dict[str, Trend] = Field(default_factory=dict)

    @classmethod
    def of_entries(cls, environment: str, entries: list[Entry], *, last: int | None = None, unreadable: int = 0) -> Self:
        """Return the history with its trends, of the ``last`` entries only or of all."""
        shown = entries[-last:] if last else entries
        return cls(
            environment=environment,
            entries=tuple(shown),
            earlier=len(entries) - len(shown),
            unreadable=unreadable,
            trends={name: _trend(values) for name in TRENDS if (values := known(shown, name))},
        )

    @property
    def rehearsals(self) -> list[Entry]:
        """The entries with a verdict."""
        return [entry for entry in self.entries if entry.operation == "rehearse"]


def known(entries: list[Entry], name: str) -> list[float]:
    """Return the values of one figure, in order, without the entries that lack it."""
    return [value for entry in entries if (value := entry.figure(name)) is not None]


def _trend(values: list[float]) -> Trend:
    return Trend(n=len(values), lowest=min(values), median=median(values), highest=max(values), last=values[-1])
