"""What a rehearsal has found out so far, and the document that is made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from policies.verdict import Cause, Evidence, Verdict, judge
from sandtable.exit_codes import ExitCode

if TYPE_CHECKING:
    from foundation.measures import Outcome
    from loadtests.measurement import Measurement
    from policies.findings import Finding
    from simulations.calibration import Calibration
    from simulations.twin import Prediction
    from stacks.environment import Environment
    from stacks.graph import Graph
    from stacks.pricing.costs import Cost
    from stacks.traffic import PlannedRequest

SCHEMA_VERSION: Final = 1

EXIT: Final = {
    Cause.NOTHING_WRONG: ExitCode.OK,
    Cause.POLICY: ExitCode.POLICY,
    Cause.THRESHOLD: ExitCode.THRESHOLD,
    Cause.REGRESSION: ExitCode.REGRESSION,
    Cause.UNDECIDED: ExitCode.INCONCLUSIVE,
}

_SHOWN_VERSIONS: Final = ("sandtable", "pulumi", "pulumi-kubernetes", "xllamacpp", "locust", "simpy")


@dataclass
class Findings:
    """Filled in by the steps; what stays None was not found out, and ``missing`` says why.

    ``command`` is what to type for the same rehearsal, ``planned`` the load; ``notes`` are what a reader must know about it.
    """

    environment: Environment
    started_at: str
    command: str = ""
    planned: Sequence[PlannedRequest] = ()
    graph: Graph | None = None
    deployed: Graph | None = None
    differences: tuple[str, ...] = ()
    policies: Sequence[Finding] = ()
    cost: Cost | None = None
    calibration: Calibration | None = None
    prediction: Prediction | None = None
    measurement: Measurement | None = None
    baseline: Outcome | None = None
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    real: list[str] = field(default_factory=list)
    simulated: list[str] = field(default_factory=list)

    def verdict(self) -> Verdict:
        """Judge what has been found."""
        return judge(
            Evidence(
                thresholds=self.environment.thresholds,
                predicted=self.prediction.outcome if self.prediction else None,
                measured=self.measurement.outcome if self.measurement else None,
                monthly_cost_usd=self.cost.monthly_usd if self.cost else None,
                denied=[str(finding) for finding in self.policies if finding.denies],
                invalid=self.measurement.invalid if self.measurement else (),
                missing=self.missing,
                baseline=self.baseline,
                unpriced=self.cost.unpriced if self.cost else (),
            )
        )

    def document(self, timings: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the document described in docs/schemas/rehearsal.json."""
        verdict = self.verdict()
        predicted = self.prediction.outcome if self.prediction else None
        measured = self.measurement.outcome if self.measurement else None
        return {
            "schema_version": SCHEMA_VERSION,
            "environment": self.environment.name,
            "started_at": self.started_at,
            "command": self.command,
            "verdict": str(verdict.result),
            "exit_code": int(EXIT[verdict.cause]),
            "reasons": [str(reason) for reason in verdict.reasons],
            "thresholds": [judgement.to_json() for judgement in verdict.judgements],
            "predicted": predicted.to_json() if predicted else None,
            "measured": measured.to_json() if measured else None,
            "error": errors(predicted, measured) if predicted and measured else None,
            "policies": [finding.to_json() for finding in self.policies],
            "cost": self._cost(measured or predicted),
            "provenance": [entry.to_json() for entry in self.calibration.provenance()] if self.calibration else [],
            "timings": timings,
            "graph": self._graph(),
            "real": self.real,
            "simulated": self.simulated,
            "load": self._load(),
            "versions": {name: version(name) for name in _SHOWN_VERSIONS},
        }

    def samples(self) -> dict[str, Any]:
        """Return the single latencies and the timeline, for the pictures of the report."""
        return {
            "predicted": _latencies(self.prediction.records) if self.prediction else None,
            "measured": _latencies(self.measurement.records) if self.measurement else None,
            "timeline": [point.to_json() for point in self.measurement.timeline] if self.measurement else [],
        }

    def _load(self) -> dict[str, Any]:
        traffic, measurement = self.environment.traffic, self.measurement
        rate_per_s: float | None = traffic.rate_per_s
        duration_s = traffic.duration_s
        if traffic.trace is not None:  # it has a rate and an end of its own
            duration_s = self.planned[-1].at_s if self.planned else 0.0
            rate_per_s = (len(self.planned) - 1) / duration_s if duration_s else None
        return {
            "arrivals": traffic.arrivals,
            "shape": traffic.shape,
            "trace": traffic.trace,
            "requests": len(self.planned),
            "rate_per_s": rate_per_s,
            "duration_s": duration_s,
            "seed": traffic.seed,
            "generator": measurement.generator.to_json() if measurement else None,
            "invalid": list(measurement.invalid) if measurement else [],
            "errors": measurement.errors if measurement else [],
            "notes": [*self.notes, *(measurement.notes if measurement else ())],
        }

    def _cost(self, outcome: Outcome | None) -> dict[str, Any] | None:
        if self.cost is None:
            return None
        tokens_per_hour = outcome.output_tokens_per_s * 3600 if outcome else 0.0
        per_million = self.cost.hourly_usd / tokens_per_hour * 1e6 if tokens_per_hour else None
        return self.cost.to_json() | {"usd_per_million_output_tokens": per_million}

    def _graph(self) -> dict[str, Any] | None:
        if self.graph is None:
            return None
        return {
            "digest": self.graph.digest,
            "resources": len(self.graph),
            "source": self.graph.source,
            "matches_deployed": None if self.deployed is None else self.deployed.digest == self.graph.digest,
            "differences": list(self.differences),
        }


def errors(predicted: Outcome, measured: Outcome) -> dict[str, Any]:
    """Return predicted, measured and the relative error, (predicted - measured) / measured, of every field that both have."""
    table: dict[str, Any] = {}
    for latency in ("ttft_ms", "tpot_ms", "e2e_ms"):
        before, after = getattr(predicted, latency), getattr(measured, latency)
        table[latency] = {name: _error(getattr(before, name), getattr(after, name)) for name in ("p50", "p95", "p99")}
    for single in ("output_tokens_per_s", "utilisation"):
        table[single] = _error(getattr(predicted, single), getattr(measured, single))
    return table


def _error(predicted: float, measured: float) -> dict[str, float | None]:
    if predicted != predicted or measured != measured:  # noqa: PLR0124  # not-a-number: there was no sample
        return {"predicted": None, "measured": None, "relative": None}
    relative = round((predicted - measured) / measured, 6) if measured else None
    return {"predicted": round(predicted, 6), "measured": round(measured, 6), "relative": relative}


def _latencies(records: Sequence[Any]) -> dict[str, list[float]]:
    good = [record for record in records if record.status == "ok"]
    return {
        "ttft_ms": [round(record.ttft_ms, 3) for record in good if record.ttft_ms is not None],
        "tpot_ms": [round(record.tpot_ms, 3) for record in good if record.tpot_ms is not None],
        "e2e_ms": [round(record.e2e_ms, 3) for record in good],
    }
