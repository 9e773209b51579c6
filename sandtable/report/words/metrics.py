"""The metrics of a rehearsal in words: thresholds, and the rows of the comparison.

The keys are those of ``stacks.environment.thresholds.METRICS``; an expression that this version cannot parse is shown unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandtable.document.parts.base import labelled
from sandtable.document.parts.outcome import LATENCIES, QUANTILES, Difference, Errors, Outcome
from sandtable.report.words.quantities import Estimate, figure, usd
from stacks.environment.thresholds import JOB_METRICS, Threshold

if TYPE_CHECKING:
    from sandtable.document.rehearsal import Judgement, Rehearsal

LATENCY_WORDS: Final = {"ttft_ms": "time to first token", "tpot_ms": "time per output token", "e2e_ms": "time to last token"}
SHORT: Final = {"ttft_ms": "TTFT", "tpot_ms": "TPOT", "e2e_ms": "E2E"}
_SYMBOLS: Final = {"<=": "≤", ">=": "≥", "==": "="}
SUFFIXES: Final = {"ms": " ms", "s": " s", "share": " %", "tokens_per_s": "/s", "bytes": " bytes"}
#: How a unit is written beside the name of a figure.
UNIT_WORDS: Final = {"ms": "ms", "s": "s", "share": "%", "usd": "USD", "bytes": "bytes"}
_OTHERS: Final = {
    "failed_share": ("share of failed requests", "share"),
    "output_tokens_per_s": ("output tokens per second", "tokens_per_s"),
    "utilisation": ("utilisation of the replicas", "share"),
    "monthly_cost_usd": ("monthly cost", "usd"),
    "policy_violations": ("policy violations", "count"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """A threshold, ready for display."""

    expression: str
    words: str
    source: str
    holds: bool | None
    estimate: Estimate
    limit: float | None
    symbol: str
    latency: str | None
    """``ttft_ms``, ``tpot_ms`` or ``e2e_ms``, if the threshold is about one of them."""
    decides: bool = True
    """Whether this line decides the threshold; the other lines are for comparison."""

    @property
    def value(self) -> str:
        """The judged figure with its unit, or a dash."""
        if self.estimate.unit == "usd" or self.estimate.value is None:
            return usd(self.estimate.value)
        return f"{self.estimate.text}{SUFFIXES.get(self.estimate.unit, '')}"


def lines(rehearsal: Rehearsal) -> list[Line]:
    """Return the thresholds in the order of the document: what is broken first, then what is undecided."""
    return [_line(judged, rehearsal) for judged in rehearsal.thresholds]


def _line(judged: Judgement, rehearsal: Rehearsal) -> Line:
    try:
        threshold = Threshold(judged.expression)
    except ValueError:
        written = judged.expression
        return Line(written, written, judged.source, judged.holds, Estimate(judged.value), None, "", None, decides=judged.decides)
    words, unit, latency, quantile = _metric(threshold.metric, rehearsal)
    limit = usd(threshold.limit) if unit == "usd" else figure(threshold.limit, unit)
    outcome = rehearsal.outcome(judged.source)
    n = outcome.latency(latency).n if outcome and latency and quantile else None
    return Line(
        expression=str(threshold),
        words=f"{words} {_SYMBOLS.get(threshold.symbol, threshold.symbol)} {_trim(limit)}{SUFFIXES.get(unit, '')}",
        source=judged.source,
        holds=judged.holds,
        estimate=Estimate(judged.value, unit, judged.ci95, n),
        limit=threshold.limit,
        symbol=threshold.symbol,
        decides=judged.decides,
        latency=latency,
    )


def _metric(name: str, rehearsal: Rehearsal) -> tuple[str, str, str | None, str | None]:
    """Return words, unit, latency and quantile of a metric."""
    if name in _OTHERS:
        return (*_OTHERS[name], None, None)
    if name in JOB_METRICS:
        figure = next((figure for job in rehearsal.jobs for figure in job.figures if figure.name == name), None)
        return (figure.words if figure else name, figure.unit if figure else "", None, None)
    quantile, latency = name.split("_", 1)
    return f"{quantile} {LATENCY_WORDS[latency]}", "ms", latency, quantile


def _trim(number: str) -> str:
    """Drop the trailing zeros of a round limit: ``400.0`` becomes ``400``."""
    return number.rstrip("0").rstrip(".") if "." in number else number


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the comparison; ``within`` says whether the prediction lies inside the measured 95 % interval."""

    group: str
    words: str
    unit: str
    predicted: Estimate
    measured: Estimate
    relative: float | None
    within: bool | None


def comparison(rehearsal: Rehearsal) -> list[Row]:
    """Return predicted | measured | error for each latency at each quantile, throughput, utilisation and failures.

    Empty where the run has neither a prediction nor a measurement.
    """
    predicted, measured = rehearsal.predicted, rehearsal.measured
    if predicted is None and measured is None:
        return []
    error = rehearsal.error or Errors()
    rows = [
        _row(
            LATENCY_WORDS[latency],
            quantile,
            _quantile(predicted, latency, quantile),
            _quantile(measured, latency, quantile),
            error.of_figure(latency, quantile),
        )
        for latency in LATENCIES
        for quantile in QUANTILES
    ]
    # Counts come last: they are the size of the sample, not a result.
    for name, label in sorted(labelled(type(predicted or measured or Outcome())), key=lambda one: one[1].unit == "count"):
        before, after = (Estimate(getattr(outcome, name) if outcome else None, label.unit) for outcome in (predicted, measured))
        rows.append(_row("the whole run", label.words, before, after, error.of_figure(name)))
    return rows


@dataclass(frozen=True, slots=True)
class Job:
    """A job's figures as rows, ready for display."""

    job: str
    title: str
    rows: list[Row]
    notes: tuple[str, ...]


def jobs(rehearsal: Rehearsal) -> list[Job]:
    """Return what ran beside or after the load."""
    return [
        Job(
            job.job,
            job.title,
            [
                _row(
                    job.title,
                    one.words,
                    Estimate(one.predicted, one.unit),
                    Estimate(one.measured, one.unit, one.ci95, one.n),
                    one.difference,
                )
                for one in job.figures
            ],
            job.notes,
        )
        for job in rehearsal.jobs
    ]


def _quantile(outcome: Outcome | None, latency: str, quantile: str) -> Estimate:
    if outcome is None:
        return Estimate(None, "ms")
    found = outcome.latency(latency)
    return Estimate(found.at(quantile), "ms", found.ci95.get(quantile), found.n)


def _row(group: str, words: str, predicted: Estimate, measured: Estimate, difference: Difference) -> Row:
    return Row(group, words, measured.unit, predicted, measured, difference.relative, difference.inside)
