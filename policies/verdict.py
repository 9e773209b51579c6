"""The verdict on a release: ship, hold or inconclusive, with the reasons.

One function judges thresholds, measurement, prediction, policies, costs and the kept baseline. Rules:
1. A finding that denies holds the release; so does a threshold broken by what decides it; so does a regression. Bad news is never
   outvoted by a missing measurement.
2. The measurement decides a threshold. Without one the prediction decides, and then the verdict is at most inconclusive. A measurement
   that does not count decides nothing, and neither does the prediction beside it: what disturbed the load disturbed the calibration.
3. An interval on both sides of the limit decides nothing (``holds`` is None); neither does a figure of too few samples, nor a run
   that its own gate calls invalid. What too few samples leave undecided is that figure alone: a share of failures still decides. A
   limit of no failure at all is about this very run, because no sample is large enough to say it of the next.
4. A measurement without one good request is at best inconclusive, whatever the thresholds are. So is one of which nothing is asked, and
   one with failures where no threshold says how many there may be.
5. A cost with nodes that have no price is an "at least": it can break a limit, and keep none.
6. Where prediction and measurement disagree about a threshold, one of the two is wrong: inconclusive.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from foundation.measures import Outcome, Quantiles, no_good_request, sample_for_share, share_interval, too_few_samples
from stacks.environment.thresholds import Threshold

#: A quantile or the share of failures is worse than the kept baseline from this factor on, and only where the intervals do not touch.
REGRESSION_FACTOR: Final = 1.10


_NOT_MEASURED: Final = frozenset({"monthly_cost_usd", "policy_violations"})


class Result(enum.StrEnum):
    """What to do with the release."""

    SHIP = "ship"
    HOLD = "hold"
    INCONCLUSIVE = "inconclusive"


class Cause(enum.StrEnum):
    """What decided; the command line maps each to an exit code."""

    NOTHING_WRONG = "nothing wrong"
    POLICY = "policy"
    THRESHOLD = "threshold"
    REGRESSION = "regression"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Judgement:
    """One threshold held against one source. ``holds`` is None where the value cannot decide."""

    threshold: Threshold
    source: str  # measured | predicted | cost | policy
    value: float | None
    low: float | None
    high: float | None
    holds: bool | None

    def to_json(self) -> dict[str, Any]:
        """Return one entry of ``thresholds`` in docs/schemas/rehearsal.json."""
        interval = None if self.low is None and self.high is None else [_finite(self.low), _finite(self.high)]
        return {
            "expression": str(self.threshold),
            "source": self.source,
            "value": _finite(self.value),
            "ci95": interval,
            "holds": self.holds,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict with its reasons in order of weight; ``judgements`` list what is broken first."""

    result: Result
    cause: Cause
    reasons: tuple[str, ...]
    judgements: tuple[Judgement, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a verdict is made from.

    ``missing`` says what could not be done; ``invalid`` why the measurement does not count; ``unpriced`` what is not in the cost.
    """

    thresholds: Sequence[Threshold]
    predicted: Outcome | None
    measured: Outcome | None
    monthly_cost_usd: float | None
    denied: Sequence[str] = ()
    invalid: Sequence[str] = ()
    missing: Sequence[str] = ()
    baseline: Outcome | None = None
    unpriced: Sequence[str] = ()


def judge(evidence: Evidence) -> Verdict:
    """Return the verdict on ``evidence`` by the rules above."""
    judgements = sorted(_judgements(evidence), key=lambda j: (j.holds is not False, j.holds is True))
    valid = evidence.measured is not None and not evidence.invalid
    decisive = {"cost", "policy"} | ({"predicted"} if evidence.measured is None else {"measured"} if valid else set())

    broken = [j for j in judgements if j.holds is False and j.source in decisive]
    policy = [f"policy: {text}" for text in evidence.denied]
    threshold = [f"threshold broken: {describe(j)}" for j in broken]
    regression = [f"regression: {text}" for text in _regressions(evidence)] if valid else []
    undecided = [
        *(evidence.missing or (("nothing was measured",) if evidence.measured is None else ())),
        *(f"the measurement does not count: {text}" for text in evidence.invalid),
        *(_unasked(evidence.measured, evidence.thresholds) if valid and evidence.measured else ()),
        *(f"cannot tell: {describe(j)}{_why(j, evidence)}" for j in judgements if j.holds is None),
        *_disagreements(judgements, valid=valid),
    ]
    reasons = (*policy, *threshold, *regression, *undecided)
    for cause, texts in ((Cause.POLICY, policy), (Cause.THRESHOLD, threshold), (Cause.REGRESSION, regression)):
        if texts:
            return Verdict(Result.HOLD, cause, reasons, tuple(judgements))
    if undecided:
        return Verdict(Result.INCONCLUSIVE, Cause.UNDECIDED, reasons, tuple(judgements))
    return Verdict(Result.SHIP, Cause.NOTHING_WRONG, (_all_well(judgements),), tuple(judgements))


def describe(judgement: Judgement) -> str:
    """Return ``p95_ttft_ms < 400 (measured 512 [480, 560])``."""
    if judgement.value is None:
        return f"{judgement.threshold} ({judgement.source}: no value)"
    interval = ""
    if judgement.low is not None and judgement.high is not None:
        interval = f" [{_number(judgement.low)}, {_number(judgement.high)}]"
    return f"{judgement.threshold} ({judgement.source} {_number(judgement.value)}{interval})"


def _judgements(evidence: Evidence) -> list[Judgement]:
    lines = []
    for threshold in evidence.thresholds:
        if threshold.metric == "monthly_cost_usd":
            lines.append(_cost(threshold, evidence))
        elif threshold.metric == "policy_violations":
            lines.append(_line(threshold, "policy", float(len(evidence.denied))))
        else:
            for source, outcome in (("measured", evidence.measured), ("predicted", evidence.predicted)):
                if outcome is not None:
                    line = _line(threshold, source, *_value(outcome, threshold.metric, sampled=source == "measured"))
                    lines.append(replace(line, holds=None) if _too_few(line, evidence) else line)
            if evidence.measured is None and evidence.predicted is None:
                lines.append(_line(threshold, "measured", None))
    return lines


def _line(threshold: Threshold, source: str, value: float | None, low: float | None = None, high: float | None = None) -> Judgement:
    if value is None or math.isnan(value):
        return Judgement(threshold, source, None, None, None, None)
    holds: bool | None = threshold.holds(value)
    # No sample shows that nothing will ever fail: a limit of 0 is about the run itself.
    about_this_run = threshold.metric == "failed_share" and threshold.limit == 0
    if low is not None and high is not None and not about_this_run and threshold.straddled_by(low, high):
        holds = None
    return Judgement(threshold, source, value, low, high, holds)


def _unasked(measured: Outcome, thresholds: Sequence[Threshold]) -> list[str]:
    """What stands in the way of a verdict on ``measured`` whatever its figures are."""
    if nothing_good := no_good_request(measured):
        return [nothing_good]
    metrics = {threshold.metric for threshold in thresholds}
    if not metrics - _NOT_MEASURED:
        return ["nothing was asked of the measurement: no threshold is about it; add one such as `p95_ttft_ms < 1500`"]
    if measured.failed and "failed_share" not in metrics:
        share = f"{measured.failed} of {measured.requests} requests failed"
        return [f"{share}, and no threshold says how many may; add one such as `failed_share < 0.01`"]
    return []


def _cost(threshold: Threshold, evidence: Evidence) -> Judgement:
    line = _line(threshold, "cost", evidence.monthly_cost_usd)
    if evidence.unpriced and line.value is not None and threshold.straddled_by(line.value, math.inf):
        return replace(line, holds=None)
    return line


def _too_few(judgement: Judgement, evidence: Evidence) -> str | None:
    if judgement.source != "measured" or evidence.measured is None:
        return None
    return too_few_samples(evidence.measured, judgement.threshold.metric)


def _why(judgement: Judgement, evidence: Evidence) -> str:
    """What a reader must know besides the value and the interval of a judgement that decides nothing."""
    if judgement.source == "cost" and evidence.unpriced:
        return f": that is without what has no price: {'; '.join(evidence.unpriced)}"
    few = _too_few(judgement, evidence) or _too_few_for_share(judgement, evidence)
    return f": {few}" if few else ""


def _too_few_for_share(judgement: Judgement, evidence: Evidence) -> str | None:
    threshold, measured = judgement.threshold, evidence.measured
    if threshold.metric != "failed_share" or judgement.source != "measured" or judgement.value is None or measured is None:
        return None
    needed = sample_for_share(judgement.value, threshold.limit)
    seen = f"{measured.failed} of {measured.requests} requests failed"
    return f"{seen}; to tell, about {needed:,} such requests are needed" if needed else f"{seen}; that is the limit itself"


def _value(outcome: Outcome, metric: str, *, sampled: bool) -> tuple[float | None, float | None, float | None]:
    """Value and interval of a metric; what the twin computes for the very requests that were sent has no sampling error."""
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


def _disagreements(judgements: Sequence[Judgement], *, valid: bool) -> list[str]:
    if not valid:
        return []
    measured = {j.threshold: j for j in judgements if j.source == "measured"}
    return [
        f"prediction and measurement disagree: {describe(j)}, but {describe(measured[j.threshold])}"
        for j in judgements
        if j.source == "predicted" and j.holds is False and measured[j.threshold].holds is True
    ]


def _regressions(evidence: Evidence) -> list[str]:
    if evidence.baseline is None or evidence.measured is None:
        return []
    worse = []
    for latency in ("ttft_ms", "tpot_ms", "e2e_ms"):
        before, after = getattr(evidence.baseline, latency), getattr(evidence.measured, latency)
        for name in ("p50", "p95"):
            old, new = getattr(before, name), getattr(after, name)
            if new > old * REGRESSION_FACTOR and after.ci95[name][0] > before.ci95[name][1]:
                worse.append(f"{name} of {latency} is {_number(new)}, the kept baseline {_number(old)} (+{(new / old - 1):.0%})")
    return [*worse, *_more_failures(evidence.baseline, evidence.measured)]


def _more_failures(before: Outcome, after: Outcome) -> list[str]:
    if not before.requests or not after.requests:
        return []
    old, new = before.failed / before.requests, after.failed / after.requests
    apart = share_interval(after.failed, after.requests)[0] > share_interval(before.failed, before.requests)[1]
    if not apart or new <= old * REGRESSION_FACTOR:
        return []
    return [f"{after.failed} of {after.requests} requests failed, with the kept baseline {before.failed} of {before.requests}"]


def _all_well(judgements: Sequence[Judgement]) -> str:
    expressions = len({j.threshold for j in judgements})
    return f"no policy denies and all {expressions} thresholds hold"


def _number(value: float) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 1 else f"{value:.1f}"


def _finite(value: float | None) -> float | None:
    return round(value, 6) if value is not None and math.isfinite(value) else None
