"""Builds the document of a rehearsal from the results of its steps."""

from __future__ import annotations

from importlib.metadata import version
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from policies.verdict import Cause
from sandtable.document.parts.cost import RunCost
from sandtable.document.parts.load import Generator, Load
from sandtable.document.parts.outcome import Errors
from sandtable.document.rehearsal import Engines, GraphSummary, Rehearsal, RunSamples, Samples
from sandtable.exit_codes import ExitCode
from simulations.cost import usd_per_million_output_tokens
from stacks.graph.demand import workloads

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from foundation.measures import JobOutcome, Outcome
    from loadtests.measurement import Measurement
    from policies.findings import Finding
    from policies.verdict import Verdict
    from simulations.bands import Band
    from simulations.serving import Speed
    from simulations.twin import Prediction
    from stacks.environment import Environment
    from stacks.environment.traffic import Traffic
    from stacks.graph import Graph
    from stacks.pricing.costs import Cost
    from stacks.traffic import PlannedRequest

EXIT: Final = {
    Cause.NOTHING_WRONG: ExitCode.OK,
    Cause.POLICY: ExitCode.POLICY,
    Cause.THRESHOLD: ExitCode.THRESHOLD,
    Cause.REGRESSION: ExitCode.REGRESSION,
    Cause.UNDECIDED: ExitCode.INCONCLUSIVE,
}
_SHOWN_VERSIONS: Final = ("sandtable", "pulumi", "pulumi-kubernetes", "xllamacpp", "locust", "simpy")


def rehearsal(
    environment: Environment,
    verdict: Verdict,
    *,
    started_at: str,
    command: str = "",
    planned: Sequence[PlannedRequest] = (),
    graph: Graph | None = None,
    deployed: Graph | None = None,
    differences: Sequence[str] = (),
    policies: Sequence[Finding] = (),
    cost: Cost | None = None,
    calibration: Speed | None = None,
    prediction: Prediction | None = None,
    bands: Mapping[str, Band] = MappingProxyType({}),
    measurement: Measurement | None = None,
    jobs: Sequence[JobOutcome] = (),
    notes: Sequence[str] = (),
    real: Sequence[str] = (),
    simulated: Sequence[str] = (),
    timings: Sequence[object] = (),
) -> Rehearsal:
    """Return the document of a rehearsal; what is unknown stays None or empty, and ``verdict`` says why.

    Args:
        environment: what was rehearsed.
        verdict: the result of ``policies.verdict.judge``.
        started_at: ISO 8601.
        command: the command line that repeats the rehearsal.
        planned: the requests of the load.
        graph: what the program declares.
        deployed: what was deployed; None where nothing was.
        differences: between the two, one a line.
        policies: the findings, waived ones too.
        cost: of ``graph``.
        calibration: the coefficients of the prediction that counts.
        prediction: what the twin says.
        bands: how far that may be off.
        measurement: what the load test saw.
        jobs: what ran beside or after the load.
        notes: notes on the load, in addition to those of the measurement.
        real: what really ran, a sentence each.
        simulated: what was emulated or computed instead, a sentence each.
        timings: the steps, with ``step``, ``seconds``, ``status`` and ``note``.
    """
    predicted = prediction.outcome if prediction else None
    measured = measurement.outcome if measurement else None
    return Rehearsal.model_validate(
        {
            "environment": environment.name,
            "started_at": started_at,
            "command": command,
            "verdict": str(verdict.result),
            "exit_code": int(EXIT[verdict.cause]),
            "reasons": verdict.reasons,
            "thresholds": verdict.judgements,
            "predicted": predicted,
            "measured": measured,
            "bands": dict(bands),
            "error": Errors.between(predicted, measured) if predicted and measured else None,
            "policies": policies,
            "engines": _engines(deployed or graph) if graph else None,
            "cost": _cost(cost, measured or predicted) if cost else None,
            "provenance": calibration.provenance() if calibration else (),
            "timings": timings,
            "graph": _summary(graph, deployed, differences) if graph else GraphSummary(),
            "real": real,
            "simulated": simulated,
            "jobs": jobs,
            "load": _load(environment.traffic, planned, measurement, notes),
            "versions": {name: version(name) for name in _SHOWN_VERSIONS},
        }
    )


def samples(prediction: Prediction | None, measurement: Measurement | None) -> RunSamples:
    """Return the latency of every request and the timeline, for the charts of the report."""
    return RunSamples.model_validate(
        {
            "predicted": Samples.of_records(prediction.records) if prediction else None,
            "measured": Samples.of_records(measurement.records) if measurement else None,
            "timeline": measurement.timeline if measurement else (),
        }
    )


def _engines(graph: Graph) -> Engines | None:
    engines = [workload for workload in workloads(graph) if workload.is_engine]
    if not engines:
        return None
    gpus = sum(workload.replicas * workload.requests.gpu for workload in engines)
    return Engines(replicas=sum(workload.replicas for workload in engines), gpus=round(gpus))


def _cost(cost: Cost, outcome: Outcome | None) -> RunCost:
    return RunCost.of(cost, usd_per_million_output_tokens=usd_per_million_output_tokens(outcome, cost.hourly_usd) if outcome else None)


def _summary(graph: Graph, deployed: Graph | None, differences: Sequence[str]) -> GraphSummary:
    return GraphSummary(
        digest=graph.digest,
        resources=len(graph),
        source=graph.source,
        matches_deployed=None if deployed is None else not differences,
        differences=tuple(differences),
    )


def _load(traffic: Traffic, planned: Sequence[PlannedRequest], measurement: Measurement | None, notes: Sequence[str]) -> Load:
    rate_per_s: float | None = traffic.rate_per_s
    duration_s = traffic.duration_s
    if traffic.trace is not None:  # a trace has its own rate and duration
        duration_s = planned[-1].at_s if planned else 0.0
        rate_per_s = (len(planned) - 1) / duration_s if duration_s else None
    found: dict[str, Any] = {}
    if measurement:
        found = {"generator": Generator.of(measurement.generator), "invalid": measurement.invalid, "errors": measurement.errors}
    return Load.of(
        traffic,
        requests=len(planned),
        rate_per_s=rate_per_s,
        duration_s=duration_s,
        notes=(*notes, *(measurement.notes if measurement else ())),
        **{"generator": None, "invalid": (), "errors": ()} | found,
    )
