"""The outcome of a load, predicted or measured, and the difference of the two.

The counterpart of :class:`Outcome` for computations is ``foundation.measures.Outcome``. A figure without a sample is NaN there and None
here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

from pydantic import Field

from sandtable.document.parts.base import Figure, Interval, Label, Number, Part

if TYPE_CHECKING:
    from foundation.measures import Outcome as Summary

QUANTILES: Final = ("p50", "p95", "p99")
LATENCIES: Final = ("ttft_ms", "tpot_ms", "e2e_ms")


class Quantiles(Part):
    """Milliseconds; null if there is no sample. An end of an interval is null if the sample does not bound it."""

    p50: Figure = None
    p95: Figure = None
    p99: Figure = None
    n: int = 0
    """Number of requests they are computed from."""
    ci95: dict[str, Interval] = Field(default_factory=dict)
    """95 % interval of each quantile."""

    def at(self, name: str) -> float | None:
        """Return the quantile called ``p50``, ``p95`` or ``p99``."""
        return {"p50": self.p50, "p95": self.p95, "p99": self.p99}[name]


class Outcome(Part):
    """Summary of a load, predicted or measured. Labelled fields are rows of the comparison."""

    requests: Annotated[int, Label("requests", "count")] = 0
    good: int = 0
    failed: Annotated[int, Label("failed requests", "count")] = 0
    ttft_ms: Quantiles = Quantiles()
    """Time to first token, from the intended send time."""
    tpot_ms: Quantiles = Quantiles()
    """Time per output token after the first."""
    e2e_ms: Quantiles = Quantiles()
    """Time to last token, from the intended send time."""
    output_tokens_per_s: Annotated[Number, Label("output tokens per second", "tokens_per_s")] = None
    utilisation: Annotated[Number, Label("utilisation of the replicas", "share")] = None
    """Share of the run during which a replica was serving a request, averaged over the replicas."""
    duration_s: Number = None
    seed: int | None = None
    cost_usd_per_hour: Number = None
    """Price of the nodes that served the run; null if unknown."""
    n: int = 0
    """Number of requests that the latencies were computed from."""
    limited: int = 0
    """Requests beside them that were refused because their client's quota was used up."""

    def latency(self, name: str) -> Quantiles:
        """Return the quantiles of ``ttft_ms``, ``tpot_ms`` or ``e2e_ms``."""
        return {"ttft_ms": self.ttft_ms, "tpot_ms": self.tpot_ms, "e2e_ms": self.e2e_ms}[name]


class Band(Part):
    """How far the prediction of one latency quantile may be off, in milliseconds: 90 %."""

    predicted: Figure = None
    low: Figure = None
    high: Figure = None
    engine: Figure = None
    """Half the width that the machine's changing speed alone gives, as a share of the prediction."""
    calibration: Figure = None
    """The same of the error of the coefficients."""
    arrivals: Figure = None
    """The same of other requests of the same traffic, which are not part of the band; null if the traffic has no other seed."""


class Difference(Part):
    """One figure, predicted and measured; all three are null if one side has no sample."""

    predicted: Figure = None
    measured: Figure = None
    relative: Figure = None
    """(predicted - measured) / measured; null if the measurement is 0."""
    inside: bool | None = None
    """Whether the prediction lies in the measured 95 % interval; null if the interval is unbounded."""

    @classmethod
    def between(cls, predicted: float, measured: float, ci95: tuple[float, float] | None = None) -> Self:
        """Return the difference of two figures; NaN counts as unknown. ``ci95`` is the interval of the measured one."""
        if math.isnan(predicted) or math.isnan(measured):
            return cls()
        bounded = ci95 is not None and all(map(math.isfinite, ci95))
        return cls(
            predicted=predicted,
            measured=measured,
            relative=(predicted - measured) / measured if measured else None,
            inside=ci95[0] <= predicted <= ci95[1] if ci95 is not None and bounded else None,
        )


class Errors(Part):
    """Prediction against measurement: each latency by quantile, and single figures, named as in the outcomes."""

    ttft_ms: dict[str, Difference] = Field(default_factory=dict)
    tpot_ms: dict[str, Difference] = Field(default_factory=dict)
    e2e_ms: dict[str, Difference] = Field(default_factory=dict)
    output_tokens_per_s: Difference = Difference()
    utilisation: Difference = Difference()

    @classmethod
    def between(cls, predicted: Summary, measured: Summary) -> Self:
        """Compare every figure that both sides have."""
        sides = [(name, getattr(predicted, name), getattr(measured, name)) for name in cls.model_fields]
        found: dict[str, Any] = {
            name: {q: Difference.between(getattr(before, q), getattr(after, q), after.ci95[q]) for q in QUANTILES}
            if name in LATENCIES
            else Difference.between(before, after)
            for name, before, after in sides
        }
        return cls(**found)

    def of_figure(self, name: str, quantile: str | None = None) -> Difference:
        """Return the difference of one figure, of a latency at one quantile; empty where it was not computed."""
        found = getattr(self, name, None) or Difference()
        return found if isinstance(found, Difference) else found.get(quantile or "", Difference())
