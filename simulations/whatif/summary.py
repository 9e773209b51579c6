"""Summarises the replications of a scenario.

Rule 1: metrics are compared per replication; the displayed outcome pools the requests of all of them. A share stays between 0 and 1.
Rule 2: rates are over the time that the traffic covers and that which its last requests take longer, the same in every place: tokens,
busy time and GPU seconds add up to what all replications had.
Rule 3: latencies are those of the good requests. If fewer requests are good than in the baseline, lower latencies are not better: the slow
requests are missing (survivorship bias).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from foundation.measures.outcome import Outcome, RequestRecord
from simulations.cost import GpuLedger, usd_per_million_output_tokens
from simulations.statistics import Comparison, compare, interval, share_of_drawn
from simulations.whatif.distribution import distributions
from simulations.whatif.doubts import doubts
from simulations.whatif.incidents import incidents
from simulations.whatif.notes import notes
from simulations.whatif.results import HEADLINES, METRICS, Scaled, ScenarioResult
from simulations.whatif.uses import gpu_use, running_s, scaling_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulations.whatif.trial import Run, ScenarioRuns

#: The note for latencies that fell along with the share of good requests.
SURVIVORS: Final = (
    "fewer requests are good than in the baseline, and latencies count good ones only, so lower latencies (`?`) are not called better"
)
#: Target half-width of a headline metric, as a share of its mean.
PRECISION: Final = 0.05
_LATENCIES: Final = tuple(name for name in METRICS if name.endswith("_ms"))
_SHARES: Final = frozenset({"good_share", "utilisation"})


def widest_headline(trial: ScenarioRuns) -> float:
    """Return the widest half-width of a headline metric as a share of its mean; infinite if only one replication had a value.

    A metric without a value in any replication is left out: more replications would not give it one.
    """
    intervals = [interval(_values(trial, name)) for name in HEADLINES]
    known = [i.half_width / abs(i.mean) if i.mean else 0.0 for i in intervals if i.n]
    return max(known, default=0.0)


def summarise(trial: ScenarioRuns, baseline: ScenarioRuns | None, *, bands: bool = False) -> ScenarioResult:
    """Return the result of ``trial``, compared with ``baseline`` (None: it is the baseline), with its ``bands`` if they are asked for."""
    scaled = scaling_of(trial)
    hourly_usd = _hourly_usd(trial, scaled)
    outcome = replace(_pooled(trial), cost_usd_per_hour=hourly_usd)
    ledger = _ledger(trial)
    metrics = {name: _compared(name, trial, baseline) for name in METRICS}
    flattered = _flattered(metrics)
    levels = distributions([run.records for run in trial.runs])
    metrics |= {name: replace(metrics[name], verdict="undefined") for name in flattered}
    return ScenarioResult(
        name=trial.question.scenario.name,
        outcome=outcome,
        cost=trial.cost,
        availability=outcome.good / outcome.requests if outcome.requests else None,
        replicas=len(trial.pods),
        replicas_running=math.fsum(_values(trial, "replicas_running")) / len(trial.runs),
        gpu_utilisation=ledger.utilisation,
        gpu_seconds=ledger,
        unschedulable=_unschedulable(trial),
        usd_per_million_output_tokens=usd_per_million_output_tokens(outcome, hourly_usd),
        metrics=metrics,
        replications=len(trial.runs),
        stopped="precise" if widest_headline(trial) <= PRECISION else "cap",
        calibration=trial.calibration.name,
        notes=(*notes(trial, baseline), *([SURVIVORS] if flattered else [])),
        values={name: tuple(_values(trial, name)) for name in METRICS},
        each=tuple(run.outcome for run in trial.runs),
        scaled=scaled,
        incidents=incidents(trial),
        distributions=levels,
        bands=doubts(trial, levels) if bands else {},
    )


def _hourly_usd(trial: ScenarioRuns, scaled: Scaled | None) -> float:
    """Return what the nodes cost an hour, those that autoscalers added included."""
    return trial.cost.hourly_usd + ((scaled.usd_per_hour or 0.0) if scaled else 0.0)


def _compared(name: str, trial: ScenarioRuns, baseline: ScenarioRuns | None) -> Comparison:
    values = _values(trial, name)
    found = compare(values, _values(baseline, name) if baseline else None, lower_is_better=METRICS[name])
    if name not in _SHARES:
        return found
    value = share_of_drawn(values) if name == "good_share" and trial.dice else found.value
    return Comparison(value.within(0, 1), found.difference.within(-1, 1) if found.difference else None, found.verdict)


def _flattered(metrics: Mapping[str, Comparison]) -> list[str]:
    """Return the latencies that look better only because fewer requests are good."""
    if metrics["good_share"].verdict != "worse":
        return []
    return [name for name in _LATENCIES if metrics[name].verdict == "better"]


def _unschedulable(trial: ScenarioRuns) -> dict[str, str]:
    """Pods without a node at the end, with the reason; with random events, also in how many of the replications."""
    reasons: dict[str, list[str]] = {}
    for effects in trial.effects:
        for pod, reason in effects.last.waiting.items():
            reasons.setdefault(pod, []).append(reason)
    draws = len(trial.effects)
    return {
        pod: found[0] if len(found) == draws else f"in {len(found)} of {draws} draws of the spot market: {found[0]}"
        for pod, found in sorted(reasons.items())
    }


def _values(trial: ScenarioRuns, metric: str) -> list[float]:
    return [_value(run, trial, metric) for run in trial.runs]


def _value(run: Run, trial: ScenarioRuns, metric: str) -> float:
    outcome = run.outcome
    match metric:
        case "output_tokens_per_s" | "utilisation":
            # Over the same time for all runs, so that the mean of the rates is the rate of all of them together.
            if metric == "utilisation" and run.scaling is not None:
                return outcome.utilisation * run.scaling.served_s(outcome.duration_s) * len(trial.runs) / _served_s(trial)
            return float(getattr(outcome, metric)) * outcome.duration_s / trial.span_s
        case "usd_per_million_output_tokens":
            rate = _value(run, trial, "output_tokens_per_s")
            return _hourly_usd(trial, scaling_of(trial)) / 3600 / rate * 1e6 if rate else math.nan
        case "good_share":
            return outcome.good / outcome.requests if outcome.requests else math.nan
        case "replicas_running":
            return running_s(run, trial, trial.horizon_s) / trial.horizon_s
        case _:
            quantile, latency, _ms = metric.split("_")
            return float(getattr(getattr(outcome, f"{latency}_ms"), quantile))


def _pooled(trial: ScenarioRuns) -> Outcome:
    """One outcome over the requests of all replications, laid end to end."""
    shifted: list[RequestRecord] = []
    offset = 0.0
    for run in trial.runs:
        shifted += [_shifted(record, offset) for record in run.records]
        offset += run.outcome.duration_s
    pooled = Outcome.from_records(shifted, replicas=trial.twin.replicas, seed=trial.load.seed, horizon_s=offset)
    if not trial.autoscalers.scalers:
        return pooled
    return replace(pooled, utilisation=math.fsum(_values(trial, "utilisation")) / len(trial.runs))


def _served_s(trial: ScenarioRuns) -> float:
    """Replica-seconds of all replications, over which autoscaled replicas can be busy."""
    return math.fsum(run.scaling.served_s(run.outcome.duration_s) for run in trial.runs if run.scaling) or 1.0


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


def _ledger(trial: ScenarioRuns) -> GpuLedger:
    """GPU seconds over all replications."""
    uses = [gpu_use(run, trial) for run in trial.runs]
    total, serving, down, held, other = (math.fsum(use[field] for use in uses) for field in range(5))
    return GpuLedger(total, serving, held - down - serving, down, other, total - held - other)
