"""The documents of a run folder as types: ``rehearsal.json`` and ``samples.json``.

Rule 1: every field that a partial run may lack has a default, so that a renderer asks for values and not for keys.
Rule 2: NaN, infinities and null all arrive as None ("not known"); no renderer meets a NaN.
Units are in the names; a share is between 0 and 1; latencies are milliseconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field

QUANTILES: Final = ("p50", "p95", "p99")
LATENCIES: Final = ("ttft_ms", "tpot_ms", "e2e_ms")


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


# No figure of a run comes near the bound: 1e15 ms are 30,000 years. What is beyond is a fault of the writer, told by the reader.
Number = Annotated[Annotated[float, Field(ge=-1e15, le=1e15)] | None, BeforeValidator(_finite)]
Interval = tuple[Number, Number]


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Three quantiles in milliseconds; None where there was no sample, or nothing bounds an end of the interval."""

    p50: Number = None
    p95: Number = None
    p99: Number = None
    n: int = 0
    ci95: dict[str, Interval] = field(default_factory=dict)

    def at(self, name: str) -> float | None:
        """Return the quantile called ``p50``, ``p95`` or ``p99``."""
        return {"p50": self.p50, "p95": self.p95, "p99": self.p99}[name]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Summary of a predicted or measured run, as ``foundation.measures.outcome`` writes it."""

    requests: int = 0
    good: int = 0
    failed: int = 0
    ttft_ms: Quantiles = Quantiles()
    tpot_ms: Quantiles = Quantiles()
    e2e_ms: Quantiles = Quantiles()
    output_tokens_per_s: Number = None
    utilisation: Number = None
    duration_s: Number = None
    seed: int | None = None
    cost_usd_per_hour: Number = None

    def latency(self, name: str) -> Quantiles:
        """Return the quantiles of ``ttft_ms``, ``tpot_ms`` or ``e2e_ms``."""
        return {"ttft_ms": self.ttft_ms, "tpot_ms": self.tpot_ms, "e2e_ms": self.e2e_ms}[name]


@dataclass(frozen=True, slots=True)
class Judged:
    """A threshold with the value it was judged on; see ``policies.verdict.Judgement``."""

    expression: str
    source: str
    value: Number = None
    ci95: Interval | None = None
    holds: bool | None = None
    decides: bool = True


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure, predicted and measured; ``relative`` is (predicted - measured) / measured."""

    predicted: Number = None
    measured: Number = None
    relative: Number = None


@dataclass(frozen=True, slots=True)
class Errors:
    """Prediction against measurement, by metric."""

    ttft_ms: dict[str, Difference] = field(default_factory=dict)
    tpot_ms: dict[str, Difference] = field(default_factory=dict)
    e2e_ms: dict[str, Difference] = field(default_factory=dict)
    output_tokens_per_s: Difference = Difference()
    utilisation: Difference = Difference()

    def latency(self, metric: str, quantile: str) -> Difference:
        """Return the difference of one latency at one quantile; empty where it was not computed."""
        by_quantile = {"ttft_ms": self.ttft_ms, "tpot_ms": self.tpot_ms, "e2e_ms": self.e2e_ms}[metric]
        return by_quantile.get(quantile, Difference())


@dataclass(frozen=True, slots=True)
class Finding:
    """What a policy rule says about one resource."""

    rule: str
    severity: Literal["deny", "warn"]
    resource: str = ""
    message: str = ""
    fix: str = ""
    waived_by: str | None = None

    @property
    def blocks(self) -> bool:
        """Whether it stops a release: it denies and nobody waived it."""
        return self.severity == "deny" and self.waived_by is None


@dataclass(frozen=True, slots=True)
class PoolCost:
    """What the nodes of one pool cost; None where the price book has no row."""

    name: str
    nodes: float = 0
    purchase: str = ""
    instance_type: str = ""
    region: str = ""
    usd_per_hour: Number = None
    monthly_usd: Number = None
    price_source: str = ""
    price_as_of: str = ""
    suspect: str | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of the environment; a month has 730 hours."""

    monthly_usd: Number = None
    hourly_usd: Number = None
    low_usd: Number = None
    high_usd: Number = None
    pools: list[PoolCost] = field(default_factory=list)
    unpriced: list[str] = field(default_factory=list)
    not_modelled: list[str] = field(default_factory=list)
    budget_usd: Number = None
    idle_share: Number = None
    assumptions: list[str] = field(default_factory=list)
    usd_per_million_output_tokens: Number = None


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A number that the prediction rests on, and where it came from."""

    name: str
    value: float | str | None = None
    unit: str = ""
    provenance: Literal["measured", "published", "derived", "assumed"] = "assumed"
    source: str = ""
    n: int | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """One step of the rehearsal."""

    step: str
    seconds: Number = None
    status: Literal["done", "skipped", "failed"] = "done"
    note: str = ""


@dataclass(frozen=True, slots=True)
class GraphSummary:
    """The graph in short; ``matches_deployed`` is None where nothing was deployed to compare with."""

    digest: str = ""
    resources: int = 0
    source: str = ""
    matches_deployed: bool | None = None
    differences: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """Why requests failed, and how many of them."""

    error: str = ""
    count: int = 0


@dataclass(frozen=True, slots=True)
class Load:
    """The load that was sent, and whether the generator kept up."""

    arrivals: str = ""
    trace: str | None = None
    rate_per_s: Number = None
    duration_s: Number = None
    seed: int | None = None
    generator: dict[str, Any] = field(default_factory=dict)
    invalid: list[str] = field(default_factory=list)
    errors: list[ErrorCount] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """``rehearsal.json``."""

    schema_version: int
    environment: str
    verdict: Literal["ship", "hold", "inconclusive"]
    started_at: str = ""
    command: str = ""
    exit_code: int | None = None
    reasons: list[str] = field(default_factory=list)
    thresholds: list[Judged] = field(default_factory=list)
    predicted: Outcome | None = None
    measured: Outcome | None = None
    error: Errors = Errors()
    policies: list[Finding] = field(default_factory=list)
    cost: Cost | None = None
    provenance: list[Coefficient] = field(default_factory=list)
    timings: list[Timing] = field(default_factory=list)
    graph: GraphSummary = GraphSummary()
    simulated: list[str] = field(default_factory=list)
    real: list[str] = field(default_factory=list)
    load: Load = Load()
    versions: dict[str, str] = field(default_factory=dict)

    def outcome(self, source: str) -> Outcome | None:
        """Return the ``predicted`` or the ``measured`` outcome; None for other sources and where there is none."""
        return {"predicted": self.predicted, "measured": self.measured}.get(source)


@dataclass(frozen=True, slots=True)
class Samples:
    """Latencies of single requests in milliseconds."""

    ttft_ms: list[Number] = field(default_factory=list)
    tpot_ms: list[Number] = field(default_factory=list)
    e2e_ms: list[Number] = field(default_factory=list)

    def latency(self, name: str) -> list[float]:
        """Return the known values of ``ttft_ms``, ``tpot_ms`` or ``e2e_ms``, sorted."""
        values = {"ttft_ms": self.ttft_ms, "tpot_ms": self.tpot_ms, "e2e_ms": self.e2e_ms}[name]
        return sorted(value for value in values if value is not None)


@dataclass(frozen=True, slots=True)
class Tick:
    """One slice of the load test from ``at_s`` on: rates per second, the level in flight at its end, median TTFT of what was due in it."""

    at_s: float
    offered_per_s: float = 0
    finished_per_s: float = 0
    failed_per_s: float = 0
    in_flight: float = 0
    output_tokens_per_s: float = 0
    ttft_p50_ms: Number = None


@dataclass(frozen=True, slots=True)
class RunSamples:
    """``samples.json``."""

    predicted: Samples = Samples()
    measured: Samples = Samples()
    timeline: list[Tick] = field(default_factory=list)

    def of(self, source: str) -> Samples:
        """Return the ``predicted`` or the ``measured`` samples."""
        return {"predicted": self.predicted, "measured": self.measured}[source]


@dataclass(frozen=True, slots=True)
class MeanOf:
    """A mean over replications with its 95 % interval."""

    mean: Number = None
    ci95: Interval = (None, None)
    n: int = 0


@dataclass(frozen=True, slots=True)
class Compared(MeanOf):
    """One metric of a scenario; ``difference`` is paired with the baseline's replications and None for the baseline itself."""

    difference: MeanOf | None = None
    verdict: str | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """One answer of ``sandtable whatif``."""

    name: str
    cost: Cost = Cost()
    outcome: Outcome = Outcome()
    gpu_utilisation: Number = None
    metrics: dict[str, Compared] = field(default_factory=dict)
    replications: int = 0
    stopped: str = ""
    usd_per_million_output_tokens: Number = None
    unschedulable: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
