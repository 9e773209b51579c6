"""One threshold compared with the evidence: a line for each source that has a value for it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from foundation.measures import Outcome, Quantiles, percentile_of, sample_for_share, samples_needed, share_interval, too_few_samples
from stacks.environment.thresholds import FAULT_METRICS, JOB_METRICS, UNTIMED_METRICS

if TYPE_CHECKING:
    from policies.verdict.evidence import Evidence
    from stacks.environment.thresholds import Threshold

Source = Literal["measured", "predicted", "cost", "policy"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """One threshold checked against one source.

    ``holds`` is None if the value cannot decide. ``decides`` is true for exactly one line of each threshold, and its result is the
    threshold's: broken, met or, with None, left open. The other lines are for comparison.
    """

    threshold: Threshold
    source: Source
    value: float | None
    low: float | None
    high: float | None
    holds: bool | None
    decides: bool = True

    def left_open(self) -> Judgement:
        """Return the line as that of an invalid run, which proves nothing about anything that takes time."""
        timed = self.source in {"measured", "predicted"} and self.threshold.metric not in UNTIMED_METRICS
        return replace(self, holds=None) if timed else self

    def __str__(self) -> str:
        """Return ``p95_ttft_ms < 400 (measured 512 [480, 560])``."""
        if self.value is None:
            return f"{self.threshold} ({self.source}: no value)"
        interval = f" [{number(self.low)}, {number(self.high)}]" if self.low is not None and self.high is not None else ""
        return f"{self.threshold} ({self.source} {number(self.value)}{interval})"


def judge_threshold(threshold: Threshold, evidence: Evidence) -> list[Judgement]:
    """Return the lines of ``threshold``, the one that decides first; none if it does not apply.

    The other lines are for comparison, so there is none without a value.
    """
    return [line for line in _lines(threshold, evidence) if line.decides or line.value is not None]


def _lines(threshold: Threshold, evidence: Evidence) -> list[Judgement]:
    if threshold.metric == "monthly_cost_usd":
        return [_cost(threshold, evidence)]
    if threshold.metric == "policy_violations":
        return [_line(threshold, "policy", float(len(evidence.denied)))]
    if threshold.metric in JOB_METRICS:
        return _of_job(threshold, evidence)
    lines = []
    if evidence.measured is not None:
        line = _line(threshold, "measured", *_value(evidence.measured, threshold.metric, sampled=True))
        lines.append(replace(line, holds=None) if too_few_samples(evidence.measured, threshold.metric) else line)
    if evidence.predicted is not None:
        line = _line(threshold, "predicted", *_value(evidence.predicted, threshold.metric, sampled=False))
        lines.append(replace(line, decides=not lines))
    return lines or [_line(threshold, "measured", None)]


def _of_job(threshold: Threshold, evidence: Evidence) -> list[Judgement]:
    """Judge a job's figure by its measurement, and show the prediction beside it."""
    if threshold.metric in FAULT_METRICS and not evidence.faults:
        return []
    figure = evidence.figures.get(threshold.metric)
    if figure is None:
        return [_line(threshold, "measured", None)]
    predicted = _line(threshold, "predicted", figure.predicted)
    if figure.measured is None:
        return [predicted]
    line = _line(threshold, "measured", figure.measured, figure.low, figure.high)
    few = (percentile := percentile_of(threshold.metric)) and figure.n is not None and figure.n < samples_needed(percentile)
    return [replace(line, holds=None) if few else line, replace(predicted, decides=False)]


def without_an_answer(line: Judgement, evidence: Evidence) -> str:
    """Return an undecided line as text, with what a reader must know besides its value and its interval."""
    if line.source == "cost" and evidence.unpriced:
        return f"{line}: that is without what has no price: {'; '.join(evidence.unpriced)}"
    if line.source != "measured" or evidence.measured is None:
        return str(line)
    few = too_few_samples(evidence.measured, line.threshold.metric) or _too_few_for_share(line, evidence.measured)
    return f"{line}: {few}" if few else str(line)


def number(value: float) -> str:
    """Return a figure as the reasons show it."""
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 1 else f"{value:.1f}"


def _line(threshold: Threshold, source: Source, value: float | None, low: float | None = None, high: float | None = None) -> Judgement:
    if value is None or math.isnan(value):
        return Judgement(threshold, source, None, None, None, None)
    holds: bool | None = threshold.holds(value)
    # No sample proves that nothing will ever fail, so a limit of 0 is about this run only.
    about_this_run = threshold.metric == "failed_share" and threshold.limit == 0
    if low is not None and high is not None and not about_this_run and threshold.straddled_by(low, high):
        holds = None
    return Judgement(threshold, source, value, low, high, holds)


def _cost(threshold: Threshold, evidence: Evidence) -> Judgement:
    line = _line(threshold, "cost", evidence.monthly_cost_usd)
    if evidence.unpriced and line.value is not None and threshold.straddled_by(line.value, math.inf):
        return replace(line, holds=None)
    return line


def _value(outcome: Outcome, metric: str, *, sampled: bool) -> tuple[float | None, float | None, float | None]:
    """Value and interval of a metric; the twin's figures for exactly the requests that were sent have no sampling error."""
    if metric == "failed_share":
        if not outcome.requests:
            return (None, None, None)
        low, high = share_interval(outcome.failed, outcome.requests) if sampled else (None, None)
        return (outcome.failed / outcome.requests, low, high)
    if metric in {"output_tokens_per_s", "utilisation"}:
        return (getattr(outcome, metric) if outcome.requests else None, None, None)
    quantile, latency = metric.split("_", 1)
    sample: Quantiles = getattr(outcome, latency)
    low, high = sample.ci95[quantile] if sampled else (None, None)
    return (getattr(sample, quantile), low, high)


def _too_few_for_share(line: Judgement, measured: Outcome) -> str | None:
    if line.threshold.metric != "failed_share" or line.value is None:
        return None
    needed = sample_for_share(line.value, line.threshold.limit)
    seen = f"{measured.failed} of {measured.requests} requests failed"
    return f"{seen}; to tell, about {needed:,} such requests are needed" if needed else f"{seen}; that is the limit itself"
