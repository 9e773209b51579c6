"""``rehearsal.json`` and ``samples.json``: the results of a rehearsal, and the latencies of single requests for its charts."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field

from sandtable.document.parts.base import Drawn, Figure, Interval, Number, Part
from sandtable.document.parts.cost import RunCost
from sandtable.document.parts.job import JobOutcome
from sandtable.document.parts.load import Load, Tick
from sandtable.document.parts.outcome import Band, Errors, Outcome
from sandtable.document.parts.policies import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foundation.measures import RequestRecord
    from policies.verdict import Judgement as Judged
    from policies.verdict import Reason as Stated
    from simulations.provenance import NamedCoefficient

SCHEMA_VERSION: Final = 2

Status = Literal["done", "skipped", "failed"]


class Judgement(Part):
    """One threshold checked against one source."""

    expression: str
    source: str
    """measured, predicted, cost or policy."""
    value: Figure = None
    ci95: Interval | None = None
    holds: bool | None = None
    """Null if the value cannot decide."""
    decides: bool = True
    """True for one line of each threshold, the one that decides it; the other lines are for comparison."""

    @classmethod
    def taken(cls, value: Judged, given: Collection[str] = ()) -> dict[str, Any]:
        """Return the fields taken from a judgement."""
        bounded = value.low is not None or value.high is not None
        own = {"expression": str(value.threshold), "ci95": (value.low, value.high) if bounded else None}
        return super().taken(value, (*given, *own)) | own


class Reason(Part):
    """One reason for the verdict."""

    cause: Literal["nothing wrong", "policy", "threshold", "regression", "undecided", "prediction"]
    text: str
    """A sentence."""

    @classmethod
    def taken(cls, value: Stated, given: Collection[str] = ()) -> dict[str, Any]:  # noqa: ARG003  # all of it is said here
        """Return the fields taken from a reason."""
        return {"cause": str(value.cause), "text": str(value)}


class Coefficient(Part):
    """A number that the prediction rests on, and where it came from."""

    name: str
    value: float | str | None = None
    unit: str = ""
    provenance: Literal["measured", "published", "derived", "assumed"] = "assumed"
    source: str = ""
    n: int | None = None
    """Number of observations behind it; 0 if it was not measured."""

    @classmethod
    def taken(cls, value: NamedCoefficient, given: Collection[str] = ()) -> dict[str, Any]:
        """Return the fields taken from a coefficient."""
        return {"name": value.name, **super().taken(value.coefficient, (*given, "name"))}


class Timing(Part):
    """One step of the rehearsal."""

    step: str
    seconds: Number = None
    status: Status = "done"
    note: str = ""


class GraphSummary(Part):
    """Summary of the graph."""

    digest: str = ""
    resources: int = 0
    source: str = ""
    matches_deployed: bool | None = None
    """Whether there is no difference but the digests of builds, which the deployment adds; null if nothing was deployed."""
    differences: tuple[str, ...] = ()


class Engines(Part):
    """The inference engine as the graph declares it."""

    replicas: int
    gpus: int = 0
    """GPUs of all replicas together."""


class Rehearsal(Part):
    """The results of a rehearsal, and its verdict on the release."""

    schema_version: Literal[2] = SCHEMA_VERSION
    environment: str
    started_at: str = ""
    """ISO 8601."""
    command: str = ""
    """The command line that repeats the rehearsal."""
    verdict: Literal["ship", "hold", "inconclusive"]
    exit_code: int | None = None
    reasons: tuple[Reason, ...] = ()
    """The most important first."""
    thresholds: tuple[Judgement, ...] = ()
    """Broken ones first, then undecided ones."""
    predicted: Outcome | None = None
    measured: Outcome | None = None
    error: Errors | None = None
    """Null if either side is missing."""
    bands: dict[str, Band] = Field(default_factory=dict)
    """How far each latency of the prediction may be off, named like ``p95_ttft_ms``."""
    policies: tuple[Finding, ...] = ()
    engines: Engines | None = None
    """Null if the graph has no engine."""
    cost: RunCost | None = None
    provenance: tuple[Coefficient, ...] = ()
    timings: tuple[Timing, ...] = ()
    graph: GraphSummary = GraphSummary()
    real: tuple[str, ...] = ()
    """What really ran, one sentence each."""
    simulated: tuple[str, ...] = ()
    """What was emulated or computed instead, one sentence each."""
    load: Load = Load()
    jobs: tuple[JobOutcome, ...] = ()
    """What ran beside or after the load."""
    versions: dict[str, str] = Field(default_factory=dict)

    def outcome(self, source: str) -> Outcome | None:
        """Return the ``predicted`` or the ``measured`` outcome; None for other sources, or if it is missing."""
        return {"predicted": self.predicted, "measured": self.measured}.get(source)


class Samples(Part):
    """Latencies of single requests in milliseconds."""

    ttft_ms: tuple[Drawn, ...] = ()
    tpot_ms: tuple[Drawn, ...] = ()
    e2e_ms: tuple[Drawn, ...] = ()

    @classmethod
    def of_records(cls, records: Sequence[RequestRecord]) -> Samples:
        """Return the latencies of the good requests; a request that ended early lacks the later ones."""
        good = [record for record in records if record.status == "ok"]
        return cls(**{name: [v for record in good if (v := getattr(record, name)) is not None] for name in cls.model_fields})

    def latency(self, name: str) -> list[float]:
        """Return the known values of ``ttft_ms``, ``tpot_ms`` or ``e2e_ms``, sorted."""
        values = {"ttft_ms": self.ttft_ms, "tpot_ms": self.tpot_ms, "e2e_ms": self.e2e_ms}[name]
        return sorted(value for value in values if value is not None)


class RunSamples(Part):
    """``samples.json``."""

    predicted: Samples | None = None
    measured: Samples | None = None
    timeline: tuple[Tick, ...] = ()

    def side(self, source: str) -> Samples:
        """Return the ``predicted`` or the ``measured`` samples."""
        return {"predicted": self.predicted, "measured": self.measured}[source] or Samples()
