"""``sandtable whatif``: the baseline first, then one answer a scenario."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from sandtable.document.parts.base import Cents, Figure, Interval, Number, Part, rounded
from sandtable.document.parts.cost import Cost
from sandtable.document.parts.outcome import Outcome
from sandtable.document.rehearsal import Coefficient

if TYPE_CHECKING:
    from simulations.bands import Band
    from simulations.cluster import Ranked
    from simulations.serving import Speed
    from simulations.statistics import Comparison
    from simulations.statistics import Interval as Estimated
    from simulations.whatif.results import ScenarioResult


class MeanOf(Part):
    """A mean over replications with its 95 % interval; null if no replication had a value."""

    mean: Figure = None
    ci95: Interval = (None, None)
    n: int = 0

    @classmethod
    def taken(cls, value: Estimated, given: Collection[str] = ()) -> dict[str, Any]:
        """Return the fields taken from an interval."""
        return super().taken(value, (*given, "ci95")) | {"ci95": (value.low, value.high)}


class Compared(MeanOf):
    """One metric of a scenario."""

    difference: MeanOf | None = None
    """Paired with the baseline's replications; null for the baseline itself."""
    verdict: Literal["better", "worse", "not distinguishable", "undefined"] | None = None
    """Null if neither direction is better."""

    @classmethod
    def taken(cls, value: Comparison, given: Collection[str] = ()) -> dict[str, Any]:  # type: ignore[override]  # of its own kind
        """Return the fields taken from a comparison."""
        return super().taken(value.value, (*given, "difference", "verdict")) | {"difference": value.difference, "verdict": value.verdict}


class GpuSeconds(Part):
    """Where the GPU seconds went; the buckets add up to the total."""

    total_s: Figure = None
    serving_s: Figure = None
    waiting_s: Figure = None
    down_s: Figure = None
    other_s: Figure = None
    unrequested_s: Figure = None


class Scaled(Part):
    """What the autoscalers did."""

    timeline: tuple[tuple[float, int], ...] = ()
    """Seconds from the start, and the number of ready replicas from then on, in the first replication."""
    least: int = 0
    most: int = 0
    """Smallest and largest number of ready replicas over all replications."""
    added_nodes: Figure = None
    """Mean number of added nodes that were paid for."""
    usd_per_hour: Figure = None
    """Their price; null if a pool has none."""


class AwayTime(Part):
    """Somebody is away from ``start_s`` to ``end_s``."""

    name: str
    start_s: Figure = None
    end_s: Figure = None
    why: str = ""
    """The fault of a provider; empty for a replica."""


class RequestSlice(Part):
    """Requests that were intended within a slice of time."""

    at_s: Figure = None
    requests: int = 0
    failed: int = 0


class IncidentTimes(Part):
    """One replication in which something was away."""

    span_s: Figure = None
    slice_s: Figure = None
    replicas: tuple[str, ...] = ()
    away: tuple[AwayTime, ...] = ()
    slices: tuple[RequestSlice, ...] = ()


class LatencyLevel(MeanOf):
    """A quantile of a latency in ms: the mean over the replications, with the interval that arrivals leave open."""

    share: float
    """Share of the good requests that are at least as fast."""
    band90: Interval = (None, None)
    """Where it may lie on another day: engine, calibration and arrivals together. Null without --report, under overload, and if the engines
    hardly move it."""
    engine: Figure = None
    """Half the width that the machine's changing speed alone gives, as a share of the mean."""
    calibration: Figure = None
    """The same of the error of the coefficients."""
    arrivals: Figure = None
    """The same of other requests of the same traffic."""


class Scenario(Part):
    """The answer to one scenario."""

    name: str
    outcome: Outcome = Outcome()
    """Latencies over the requests of all replications."""
    cost: Cost = Cost()
    availability: Figure = None
    """Share of good requests; null if there were no requests."""
    replicas: int = 0
    """What the deployment requests."""
    replicas_running: Figure = None
    """Its mean over the run."""
    gpu_utilisation: Figure = None
    """Share of all GPU seconds during which an engine was busy; null without GPUs."""
    gpu_seconds: GpuSeconds = GpuSeconds()
    unschedulable: dict[str, str] = Field(default_factory=dict)
    """Pods without a node, and why."""
    usd_per_million_output_tokens: Annotated[Number, rounded(4)] = None
    metrics: dict[str, Compared] = Field(default_factory=dict)
    replications: int = 0
    stopped: Literal["precise", "cap", ""] = ""
    """Why the run stopped at this many replications."""
    calibration: str = ""
    """Name of the coefficients used for the engines."""
    notes: tuple[str, ...] = ()
    scaled: Scaled | None = None
    """Null without an autoscaler of the engines."""
    incidents: IncidentTimes | None = None
    """Null if nothing was away."""
    distributions: dict[str, tuple[LatencyLevel, ...]] = Field(default_factory=dict)
    """By latency, ascending; without the levels for which there are too few requests."""

    @classmethod
    def taken(cls, value: ScenarioResult, given: Collection[str] = ()) -> dict[str, Any]:
        """Return the fields taken from a result."""
        levels = {
            latency: [
                {**MeanOf.taken(found), "share": share, **_band(value.bands.get(latency, {}).get(share))}
                for share, found in by_share.items()
            ]
            for latency, by_share in value.distributions.items()
        }
        return super().taken(value, (*given, "distributions")) | {"distributions": levels}


def _band(band: Band | None) -> dict[str, Any]:
    if band is None:
        return {}
    return {"band90": band.another_day, "engine": band.engine, "calibration": band.calibration, "arrivals": band.arrivals}


class ScenarioPair(Part):
    """Two scenarios against each other: differences of the second from the first, replication by replication."""

    first: str
    second: str
    metrics: dict[str, Compared] = Field(default_factory=dict)
    """``mean`` is that of the second."""
    monthly_usd: Cents = None
    """Difference of the monthly costs, exact; null if either has nodes without a price."""


class CandidateNode(Part):
    """A node as a candidate for a pod."""

    node: str
    zone: str = ""
    total: int | None = None
    """What the scheduler compares; null if the node cannot take the pod."""
    scores: dict[str, int] = Field(default_factory=dict)
    """By plugin, with its weight."""
    refusal: str = ""
    """Why it cannot take the pod."""

    @classmethod
    def taken(cls, value: Ranked, given: Collection[str] = ()) -> dict[str, Any]:  # noqa: ARG003  # all of it is said here
        """Return the fields taken from a ranked node."""
        own = {"node": value.node.name, "zone": value.node.zone, "refusal": value.refusal}
        return own | {"total": None if value.refusal else value.total, "scores": dict(value.scores)}


class PlacementReason(Part):
    """Why a pod is where it is, with all other pods where they are."""

    pod: str
    node: str = ""
    """Empty if it waits."""
    words: str = ""
    candidates: tuple[CandidateNode, ...] = ()
    """The best first."""


class RouteOf(Part):
    """What one replica would make of a request; null where it fails."""

    replica: str
    outstanding: int = 0
    """Requests that it had when this one came."""
    ttft_ms: Figure = None
    e2e_ms: Figure = None
    chosen: bool = False


class RoutedRequest(Part):
    """A request, sent to each replica in turn with everything else as it was."""

    number: int
    """In order of arrival at the engines, from 0, in the first replication."""
    at_s: Figure = None
    regret_ms: Figure = None
    """By how much later its last token came than from the best replica."""
    routes: tuple[RouteOf, ...] = ()


class Speeds(Part):
    """The coefficients behind the engines' speeds, named as in the scenarios."""

    calibration: str
    date: str = ""
    model: str = ""
    coefficients: tuple[Coefficient, ...] = ()

    @classmethod
    def taken(cls, value: Speed, given: Collection[str] = ()) -> dict[str, Any]:  # noqa: ARG003  # all of it is said here
        """Return the fields taken from a calibration."""
        return {"calibration": value.name, "date": value.date, "model": value.spec.model, "coefficients": value.provenance()}


class WhatIf(Part):
    """Questions to the twin, side by side."""

    environment: str
    digest: str = ""
    """Digest of the graph that the questions are about."""
    seed: int = 0
    scenarios: tuple[Scenario, ...]
    """The baseline first."""
    pairs: tuple[ScenarioPair, ...] = ()
    """Every two scenarios; empty unless asked for."""
    reasons: tuple[PlacementReason, ...] = ()
    """Why pods are where they are; empty unless asked for."""
    routed: tuple[RoutedRequest, ...] = ()
    """What other replicas would have made of requests; empty unless asked for."""
    provenance: tuple[Speeds, ...] = ()
    warnings: tuple[str, ...] = ()
    """Prices that may be out of date."""


class ScenarioKind(Part):
    """One kind of scenario."""

    example: str
    meaning: str


class ScenarioKinds(Part):
    """Every kind of scenario."""

    scenarios: tuple[ScenarioKind, ...]
