"""Combines the lines of the thresholds, the policies, the saved baseline and the fit of the prediction into one verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from foundation.measures import no_good_request
from policies.verdict.baseline import regressions
from policies.verdict.evidence import Cause, Evidence, Reason, Result, Verdict
from policies.verdict.misfit import misfits
from policies.verdict.thresholds import Judgement, judge_threshold, without_an_answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foundation.measures import Outcome
    from stacks.environment.thresholds import Threshold

_NOT_MEASURED: Final = frozenset({"monthly_cost_usd", "policy_violations"})


def judge(evidence: Evidence) -> Verdict:
    """Return the verdict on ``evidence`` by the rules of this package."""
    found = sorted((line for threshold in evidence.thresholds for line in judge_threshold(threshold, evidence)), key=_worst_first)
    lines = [line.left_open() for line in found] if evidence.invalid else found
    weighed = (
        *(Reason(Cause.POLICY, text) for text in evidence.denied),
        *(Reason(Cause.THRESHOLD, str(line)) for line in lines if line.decides and line.holds is False),
        *(Reason(Cause.REGRESSION, text) for text in regressions(evidence)),
        *(Reason(Cause.UNDECIDED, text) for text in _undecided(evidence, found)),
    )
    judgements = tuple(sorted(lines, key=_worst_first))
    beside = tuple(Reason(Cause.PREDICTION, text) for text in misfits(evidence))
    if not weighed:
        return Verdict(Result.SHIP, Cause.NOTHING_WRONG, (_all_well(judgements), *beside), judgements)
    cause = weighed[0].cause
    return Verdict(Result.INCONCLUSIVE if cause is Cause.UNDECIDED else Result.HOLD, cause, (*weighed, *beside), judgements)


def _worst_first(line: Judgement) -> tuple[bool, bool]:
    return (line.holds is not False, line.holds is True)


def _undecided(evidence: Evidence, lines: Sequence[Judgement]) -> list[str]:
    """What keeps the release from shipping although nothing has failed."""
    return [
        *(evidence.missing or (("nothing was measured",) if evidence.measured is None else ())),
        *(f"the measurement does not count: {text}" for text in evidence.invalid),
        *(_unasked(evidence.measured, evidence.thresholds) if evidence.counts and evidence.measured else ()),
        *(f"cannot tell: {without_an_answer(line, evidence)}" for line in lines if line.holds is None),
        *(_disagreements(lines) if evidence.counts else ()),
    ]


def _unasked(measured: Outcome, thresholds: Sequence[Threshold]) -> list[str]:
    """What rules out a verdict on ``measured``, whatever its figures are."""
    if nothing_good := no_good_request(measured):
        return [nothing_good]
    metrics = {threshold.metric for threshold in thresholds}
    if not metrics - _NOT_MEASURED:
        return ["nothing was asked of the measurement: no threshold is about it; add one such as `p95_ttft_ms < 1500`"]
    if measured.failed and "failed_share" not in metrics:
        share = f"{measured.failed} of {measured.requests} requests failed"
        return [f"{share}, and no threshold says how many may; add one such as `failed_share < 0.01`"]
    return []


def _disagreements(lines: Sequence[Judgement]) -> list[str]:
    measured = {line.threshold: line for line in lines if line.source == "measured"}
    return [
        f"prediction and measurement disagree: {line}, but {measured[line.threshold]}"
        for line in lines
        if not line.decides and line.holds is False and measured[line.threshold].holds is True
    ]


def _all_well(judgements: Sequence[Judgement]) -> Reason:
    return Reason(Cause.NOTHING_WRONG, f"no policy denies and all {len({line.threshold for line in judgements})} thresholds hold")
