"""From the replications of a scenario to its result.

Rule 1: metrics are compared per replication; the outcome that is shown pools the requests of all of them.
Rule 2: what a reader must know to trust or distrust a number is a note.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from simulations.cost import GpuLedger, usd_per_million_output_tokens
from simulations.failures import Delays
from simulations.whatif.results import HEADLINES, METRICS, ScenarioResult
from simulations.whatif.statistics import compare, interval
from simulations.whatif.trial import INCIDENT_AT
from workloads.telemetry.outcome import Outcome, RequestRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulations.whatif.trial import Run, Trial

#: A queue that needs longer than this share of the run to empty was still growing when the last request came.
_BACKLOG: Final = 0.1


def widest_headline(trial: Trial) -> float:
    """Return the widest half-width of a headline metric as a share of its mean; infinite with one replication."""
    intervals = [interval(_values(trial, name)) for name in HEADLINES]
    known = [i.half_width / abs(i.mean) if i.mean else 0.0 for i in intervals if not math.isnan(i.mean)]
    return max(known, default=0.0)


def summarise(trial: Trial, baseline: Trial | None, *, precise: bool) -> ScenarioResult:
    """Return the result of ``trial``, compared with ``baseline`` (None: it is the baseline)."""
    outcome = replace(_pooled(trial), cost_usd_per_hour=trial.cost.hourly_usd)
    ledger = _ledger(trial)
    return ScenarioResult(
        name=trial.question.scenario.name,
        outcome=outcome,
        cost=trial.cost,
        availability=outcome.good / outcome.requests if outcome.requests else math.nan,
        replicas=len(trial.pods),
        replicas_running=math.fsum(_values(trial, "replicas_running")) / len(trial.runs),
        gpu_utilisation=ledger.utilisation,
        gpu_seconds=ledger,
        unschedulable=_unschedulable(trial),
        usd_per_million_output_tokens=usd_per_million_output_tokens(outcome, trial.cost.hourly_usd),
        metrics={
            name: compare(_values(trial, name), _values(baseline, name) if baseline else None, lower_is_better=lower)
            for name, lower in METRICS.items()
        },
        replications=len(trial.runs),
        stopped="precise" if precise else "cap",
        notes=tuple(_notes(trial, for_all=baseline is None)),
    )


def _unschedulable(trial: Trial) -> dict[str, str]:
    """Pods that had no node at the end of a run, with the reason, and in how many of the runs where it was not all."""
    reasons: dict[str, list[str]] = {}
    for run in trial.runs:
        for pod, reason in run.effects.last.waiting.items():
            reasons.setdefault(pod, []).append(reason)
    runs = len(trial.runs)
    return {
        pod: found[0] if len(found) == runs else f"in {len(found)} of {runs} replications: {found[0]}"
        for pod, found in sorted(reasons.items())
    }


def _values(trial: Trial, metric: str) -> list[float]:
    return [_value(run, trial, metric) for run in trial.runs]


def _value(run: Run, trial: Trial, metric: str) -> float:
    outcome = run.outcome
    match metric:
        case "output_tokens_per_s" | "utilisation":
            return float(getattr(outcome, metric))
        case "good_share":
            return outcome.good / outcome.requests if outcome.requests else math.nan
        case "replicas_running":
            return len(trial.pods) - sum(run.effects.down_s(pod, trial.horizon_s) for pod in trial.pods) / trial.horizon_s
        case _:
            quantile, latency, _ms = metric.split("_")
            return float(getattr(getattr(outcome, f"{latency}_ms"), quantile))


def _pooled(trial: Trial) -> Outcome:
    """One outcome over the requests of all replications, laid end to end."""
    shifted: list[RequestRecord] = []
    offset = 0.0
    for run in trial.runs:
        shifted += [_shifted(record, offset) for record in run.records]
        offset += max((record.finished_s for record in run.records), default=0.0)
    return Outcome.from_records(shifted, replicas=trial.twin.replicas, seed=trial.load.seed)


def _shifted(record: RequestRecord, by_s: float) -> RequestRecord:
    return RequestRecord(
        intended_s=record.intended_s + by_s,
        sent_s=record.sent_s + by_s,
        first_token_s=None if record.first_token_s is None else record.first_token_s + by_s,
        finished_s=record.finished_s + by_s,
        prompt_tokens=record.prompt_tokens,
        output_tokens=record.output_tokens,
        replica=record.replica,
        status=record.status,
        error=record.error,
    )


def _ledger(trial: Trial) -> GpuLedger:
    """GPU seconds over all replications. A replica holds its GPUs from the start, where it had a node then."""
    each = {w.pod(index): w.requests.gpu for w in trial.workloads if w.is_engine for index in range(w.replicas)}
    total = serving = waiting = down = other = 0.0
    for run in trial.runs:
        span, first = run.outcome.duration_s, run.effects.first
        held = {pod: gpus for pod, gpus in each.items() if pod in first.node_of}
        total += first.gpus() * span
        other += (first.gpus_requested(trial.workloads) - sum(held.values())) * span
        away = sum(gpus * run.effects.down_s(pod, span) for pod, gpus in held.items())
        # The busy share is a mean over all replicas; those that were down were not busy.
        busy = run.outcome.utilisation * len(each) * span * (sum(held.values()) / len(held) if held else 0.0)
        busy = min(busy, sum(held.values()) * span - away)
        down, serving = down + away, serving + busy
        waiting += sum(held.values()) * span - away - busy
    return GpuLedger(total, serving, waiting, down, other, total - serving - waiting - down - other)


def _notes(trial: Trial, *, for_all: bool) -> Iterator[str]:
    """What must be known; what holds for every scenario is said once, with the baseline (``for_all``)."""
    scenario, delays = trial.question.scenario, Delays()
    if for_all:
        yield f"{len(trial.runs)} replications of {trial.horizon_s:.0f} s of traffic each, from an empty queue, the same for every scenario"
        if not trial.nodes:
            yield "the graph has no nodes: every replica is taken to run"
        if scheduled := [w.label for w in trial.workloads if w.scheduled]:
            yield f"not running, as their schedule is not simulated: {', '.join(scheduled)}"
    yield from trial.question.notes
    for pool in sorted({node.pool for node in trial.grown}):
        number = sum(node.pool == pool for node in trial.grown)
        yield f"pool {pool} grows by {number} node{'s' if number > 1 else ''}, so that every pod that fits its bounds has room"
    if scenario.value("spot") is not None:
        yield "the spot nodes of one pool in one zone come and go together; outages last 1.1 h on average (derived from recorded traces)"
        yield "a spot notice lets pods move at once, requests in hand are lost; nodes are paid for while they are there"
        if not any(node.purchase == "spot" for node in trial.nodes):
            yield "this graph has no spot nodes, so nothing changes"
    if scenario.value("zone-lost") or scenario.value("node-lost"):
        yield f"the loss comes at {INCIDENT_AT * trial.horizon_s:.0f} s and lasts; the monthly cost is that of the intact platform"
        yield (
            f"a replica is back {delays.notice_s:.0f} s (Kubernetes misses the node) + {delays.toleration_s:.0f} s (its pods' toleration) "
            f"+ {delays.start_s:.0f} s (start, assumed) after the loss, on an added node {delays.provision_s:.0f} s later (assumed)"
        )
        yield from (_back(o.pod, o.start_s, o.end_s) for o in trial.runs[0].effects.outages)
    drain = math.fsum(run.outcome.duration_s - run.last_arrival_s for run in trial.runs) / len(trial.runs)
    if drain > _BACKLOG * trial.horizon_s:
        yield (
            f"overloaded: after the last request it took {drain:.0f} s to empty the queues, so latencies grow with the length of the run; "
            "read them as lower bounds"
        )


def _back(pod: str, start_s: float, end_s: float) -> str:
    if math.isinf(end_s):
        return f"{pod} is down from {start_s:.0f} s and finds no other node"
    return f"{pod} is down from {start_s:.0f} s and back after {end_s - start_s:.0f} s"
