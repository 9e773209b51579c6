from __future__ import annotations

import random
from dataclasses import replace

import pytest

from foundation.measures import JobFigure, Outcome, RequestRecord, Status
from policies.verdict import Cause, Evidence, Reason, Result, Verdict, judge
from stacks.environment.thresholds import Threshold


def outcome(scale: float = 1.0, n: int = 360, failed: int = 0) -> Outcome:
    rng = random.Random(5)
    records = []
    for i in range(n):
        ttft = scale * (0.1 + 0.05 * rng.random())
        records.append(RequestRecord(i, i, i + ttft, i + ttft + scale * 0.2, 10, 11, "a"))
    records += [RequestRecord(n + i, n + i, None, n + i + 0.1, 10, 0, "a", Status.FAILED, "reset") for i in range(failed)]
    return Outcome.from_records(records, replicas=["a"], seed=5)


def said(verdict: Verdict) -> tuple[str, ...]:
    return tuple(map(str, verdict.reasons))


GOOD = Evidence(
    thresholds=[
        Threshold("p95_ttft_ms < 200"),
        Threshold("failed_share <= 0.01"),
        Threshold("monthly_cost_usd <= 100"),
        Threshold("policy_violations == 0"),
    ],
    predicted=outcome(),
    measured=outcome(),
    monthly_cost_usd=80,
)


def test_all_well_ships() -> None:
    verdict = judge(GOOD)
    assert (verdict.result, verdict.cause) == (Result.SHIP, Cause.NOTHING_WRONG)
    assert "all 4 thresholds hold" in said(verdict)[0]


def test_a_broken_threshold_holds_and_comes_first() -> None:
    verdict = judge(replace(GOOD, thresholds=[*GOOD.thresholds, Threshold("p50_e2e_ms < 10")], predicted=None))
    assert (verdict.result, verdict.cause) == (Result.HOLD, Cause.THRESHOLD)
    assert str(verdict.judgements[0].threshold) == "p50_e2e_ms < 10"
    assert verdict.judgements[0].holds is False


def test_cost_and_policy_are_thresholds_too() -> None:
    assert judge(replace(GOOD, monthly_cost_usd=101)).cause is Cause.THRESHOLD
    denied = judge(replace(GOOD, denied=["no-privileged-pods: Pod ai/x"]))
    assert (denied.result, denied.cause) == (Result.HOLD, Cause.POLICY)


def test_a_denied_policy_outweighs_a_broken_threshold() -> None:
    verdict = judge(replace(GOOD, denied=["x"], monthly_cost_usd=101))
    assert verdict.cause is Cause.POLICY
    assert len(verdict.reasons) == 3  # the policy, the cost, and the threshold over the policies


def test_failed_requests_break_their_threshold() -> None:
    assert judge(replace(GOOD, measured=outcome(failed=10))).cause is Cause.THRESHOLD


def test_an_interval_over_the_limit_is_inconclusive() -> None:
    p95 = outcome().ttft_ms.p95
    verdict = judge(replace(GOOD, thresholds=[Threshold(f"p95_ttft_ms < {p95 + 0.01:.3f}")]))
    assert (verdict.result, verdict.cause) == (Result.INCONCLUSIVE, Cause.UNDECIDED)
    assert verdict.judgements[0].holds is None


def test_too_few_samples_are_inconclusive_with_the_reason() -> None:
    verdict = judge(replace(GOOD, thresholds=GOOD.thresholds[:1], measured=outcome(n=72)))
    assert verdict.result is Result.INCONCLUSIVE
    (reason,) = said(verdict)
    assert reason.startswith("cannot tell: p95_ttft_ms < 200 (measured 14")
    assert "too few samples for p95_ttft_ms: 72, 73 needed" in reason


def test_too_few_samples_decide_nothing_bad_either() -> None:
    assert judge(replace(GOOD, measured=outcome(scale=9, n=72))).result is Result.INCONCLUSIVE


@pytest.mark.parametrize(("good", "failed"), [(72, 8), (5, 195), (0, 200)])
def test_failures_hold_however_few_samples_they_leave(good: int, failed: int) -> None:
    verdict = judge(replace(GOOD, measured=outcome(n=good, failed=failed)))
    assert (verdict.result, verdict.cause) == (Result.HOLD, Cause.THRESHOLD)
    assert "failed_share" in said(verdict)[0]
    assert any("too few samples" in reason for reason in said(verdict))


@pytest.mark.parametrize(
    ("good", "failed", "line", "result"),
    [
        (360, 0, "failed_share < 0.01", Result.SHIP),
        (298, 0, "failed_share < 0.01", Result.INCONCLUSIVE),
        (79, 1, "failed_share < 0.01", Result.INCONCLUSIVE),
        (79, 1, "failed_share < 0.0001", Result.HOLD),
        (100, 300, "failed_share < 0.5", Result.HOLD),
        (80, 0, "failed_share <= 0", Result.SHIP),
        (79, 1, "failed_share == 0", Result.HOLD),
    ],
)
def test_a_share_of_failures_is_judged_by_its_interval(good: int, failed: int, line: str, result: Result) -> None:
    verdict = judge(replace(GOOD, thresholds=[Threshold(line)], measured=outcome(n=good, failed=failed)))
    assert verdict.result is result, said(verdict)


def test_a_share_that_cannot_be_told_says_how_many_requests_would() -> None:
    asked = replace(GOOD, thresholds=[Threshold("failed_share < 0.001")], measured=outcome(n=80))
    assert said(judge(asked)) == (
        (
            "cannot tell: failed_share < 0.001 (measured 0 [0, 0.0368]): 0 of 80 requests failed; "
            "to tell, about 2,995 such requests are needed"
        ),
    )


def test_failures_that_no_threshold_is_about_do_not_ship() -> None:
    verdict = judge(replace(GOOD, thresholds=[Threshold("p95_ttft_ms < 200")], measured=outcome(n=100, failed=300)))
    assert (verdict.result, verdict.cause) == (Result.INCONCLUSIVE, Cause.UNDECIDED)
    assert said(verdict) == ("300 of 400 requests failed, and no threshold says how many may; add one such as `failed_share < 0.01`",)


def test_a_measurement_of_which_nothing_is_asked_does_not_ship() -> None:
    verdict = judge(replace(GOOD, thresholds=[Threshold("monthly_cost_usd <= 100")]))
    assert verdict.result is Result.INCONCLUSIVE
    assert said(verdict)[0].startswith("nothing was asked of the measurement: no threshold is about it; add one such as")


@pytest.mark.parametrize("line", ["output_tokens_per_s > 1", "utilisation < 1"])
def test_a_few_requests_are_no_throughput(line: str) -> None:
    few, enough = (judge(replace(GOOD, thresholds=[Threshold(line)], measured=outcome(n=n))) for n in (19, 20))
    assert (few.result, enough.result) == (Result.INCONCLUSIVE, Result.SHIP)
    assert "19 requests, 20 needed" in said(few)[0]


def test_without_a_good_request_nothing_ships_even_where_nothing_is_asked() -> None:
    verdict = judge(replace(GOOD, thresholds=[], measured=outcome(n=0, failed=9)))
    assert (verdict.result, said(verdict)) == (Result.INCONCLUSIVE, ("no request was good: 9 of 9 failed",))


def test_a_cost_without_all_prices_is_an_at_least() -> None:
    latency, *_, cost, _policy = GOOD.thresholds
    unpriced = replace(GOOD, thresholds=[latency, cost], unpriced=["pool big, 1 node: no such row"])
    verdict = judge(unpriced)
    assert verdict.result is Result.INCONCLUSIVE
    assert said(verdict) == (
        "cannot tell: monthly_cost_usd <= 100 (cost 80.0): that is without what has no price: pool big, 1 node: no such row",
    )
    assert judge(replace(unpriced, monthly_cost_usd=101)).cause is Cause.THRESHOLD
    assert judge(replace(unpriced, thresholds=[latency, Threshold("monthly_cost_usd > 50")])).result is Result.SHIP


def test_one_line_of_each_threshold_decides_and_the_measurement_goes_first() -> None:
    def deciding(evidence: Evidence) -> list[tuple[str, str]]:
        return [(str(line.threshold), line.source) for line in judge(evidence).judgements if line.decides]

    rest = [("monthly_cost_usd <= 100", "cost"), ("policy_violations == 0", "policy")]
    for known, source in ((GOOD, "measured"), (replace(GOOD, invalid=["late"]), "measured"), (replace(GOOD, measured=None), "predicted")):
        assert sorted(deciding(known)) == sorted([("p95_ttft_ms < 200", source), ("failed_share <= 0.01", source), *rest])
    assert ("p95_ttft_ms < 200", "measured") in deciding(replace(GOOD, measured=None, predicted=None))


def test_no_line_of_a_run_that_does_not_count_has_an_answer() -> None:
    verdict = judge(replace(GOOD, measured=outcome(scale=9), invalid=["late"]))
    assert {line.source: line.holds for line in verdict.judgements} == {"measured": None, "predicted": None, "cost": True, "policy": True}


def test_a_reason_says_its_cause_beside_its_text() -> None:
    verdict = judge(replace(GOOD, denied=["x"], monthly_cost_usd=101))
    assert verdict.reasons[0] == Reason(Cause.POLICY, "x")
    assert [reason.cause for reason in verdict.reasons] == [Cause.POLICY, Cause.THRESHOLD, Cause.THRESHOLD]
    assert said(verdict)[:2] == ("policy: x", "threshold broken: monthly_cost_usd <= 100 (cost 101.0)")


def test_an_invalid_run_decides_nothing_good_or_bad() -> None:
    late = ["the generator was late"]
    assert judge(replace(GOOD, measured=outcome(scale=9), invalid=late)).result is Result.INCONCLUSIVE
    assert judge(replace(GOOD, predicted=outcome(scale=9), invalid=late)).result is Result.INCONCLUSIVE
    assert judge(replace(GOOD, invalid=late, monthly_cost_usd=101)).cause is Cause.THRESHOLD


@pytest.mark.parametrize(("accuracy", "result"), [(0.9, Result.INCONCLUSIVE), (0.5, Result.HOLD)])
def test_what_a_job_found_whatever_time_it_took_counts_in_an_invalid_run_too(accuracy: float, result: Result) -> None:
    figures = {
        "fl_accuracy": JobFigure("fl_accuracy", "accuracy", "share", accuracy, accuracy),
        "p50_round_s": JobFigure("p50_round_s", "a round", "s", 9.0, 9.0),
    }
    limits = [Threshold("fl_accuracy > 0.6"), Threshold("p50_round_s < 5")]
    verdict = judge(replace(GOOD, thresholds=limits, figures=figures, invalid=["late"]))
    assert verdict.result is result
    assert {line.threshold.metric: line.holds for line in verdict.judgements} == {"fl_accuracy": accuracy > 0.6, "p50_round_s": None}


def test_a_figure_that_nobody_predicts_is_decided_by_its_measurement_alone() -> None:
    figures = {"rl_reward": JobFigure("rl_reward", "score", "", None, 500.0)}
    verdict = judge(replace(GOOD, thresholds=[*GOOD.thresholds, Threshold("rl_reward >= 475")], figures=figures))
    assert verdict.result is Result.SHIP
    assert [line.source for line in verdict.judgements if line.threshold.metric == "rl_reward"] == ["measured"]


def test_a_latency_that_the_twin_has_no_value_for_is_decided_by_its_measurement_alone() -> None:
    verdict = judge(replace(GOOD, predicted=outcome(n=0)))
    assert verdict.result is Result.SHIP, said(verdict)
    assert {line.source for line in verdict.judgements if line.threshold.metric == "p95_ttft_ms"} == {"measured"}


def test_without_a_measurement_it_is_at_most_inconclusive() -> None:
    verdict = judge(replace(GOOD, measured=None, missing=["no engine: graph mode"]))
    assert verdict.result is Result.INCONCLUSIVE
    assert "graph mode" in said(verdict)[0]


def test_without_a_measurement_a_bad_prediction_still_holds() -> None:
    assert judge(replace(GOOD, measured=None, predicted=outcome(scale=9), missing=["graph mode"])).cause is Cause.THRESHOLD


def test_neither_measured_nor_predicted_is_inconclusive() -> None:
    assert judge(replace(GOOD, measured=None, predicted=None)).result is Result.INCONCLUSIVE
    nothing = judge(replace(GOOD, measured=None, predicted=None, thresholds=[Threshold("monthly_cost_usd <= 100")]))
    assert (nothing.result, said(nothing)) == (Result.INCONCLUSIVE, ("nothing was measured",))


def test_a_good_prediction_alone_does_not_ship() -> None:
    assert judge(replace(GOOD, measured=None)).result is Result.INCONCLUSIVE


def test_prediction_and_measurement_that_disagree_are_inconclusive() -> None:
    verdict = judge(replace(GOOD, predicted=outcome(scale=9)))
    assert verdict.result is Result.INCONCLUSIVE
    assert any("disagree" in reason for reason in said(verdict))


def test_a_prediction_far_off_that_agrees_about_every_threshold_ships_and_says_not_to_rely_on_the_twin() -> None:
    verdict = judge(replace(GOOD, thresholds=[Threshold("p95_ttft_ms < 2000")], predicted=outcome(scale=9)))
    assert (verdict.result, verdict.cause) == (Result.SHIP, Cause.NOTHING_WRONG)
    assert [reason.cause for reason in verdict.reasons] == [Cause.NOTHING_WRONG, Cause.PREDICTION]
    assert said(verdict)[1].startswith("the prediction does not describe this environment: p50_")
    assert "(+800%)" in said(verdict)[1]


@pytest.mark.parametrize(("scale", "told"), [(1.9, False), (2.1, True), (0.55, False), (0.45, True)])
def test_a_median_off_by_more_than_a_factor_of_two_is_told(scale: float, told: bool) -> None:
    verdict = judge(replace(GOOD, thresholds=[Threshold("p95_ttft_ms < 2000")], predicted=outcome(scale=scale)))
    assert (Cause.PREDICTION in [reason.cause for reason in verdict.reasons]) is told


def test_a_prediction_without_a_good_request_does_not_describe_one_with_them() -> None:
    verdict = judge(replace(GOOD, thresholds=[Threshold("p95_ttft_ms < 2000")], predicted=outcome(n=0, failed=9)))
    assert "no request was good: 9 of 9 failed, but 360 of 360 were good" in said(verdict)[-1]


def test_the_fit_of_a_prediction_is_not_told_from_a_run_that_does_not_count_or_from_too_few_requests() -> None:
    far = replace(GOOD, predicted=outcome(scale=9))
    for evidence in (replace(far, invalid=["late"]), replace(far, measured=outcome(n=3)), replace(far, measured=None)):
        assert Cause.PREDICTION not in [reason.cause for reason in judge(evidence).reasons]


def test_a_regression_holds_with_its_own_cause() -> None:
    verdict = judge(replace(GOOD, thresholds=[], baseline=outcome(scale=0.5)))
    assert (verdict.result, verdict.cause) == (Result.HOLD, Cause.REGRESSION)
    assert "kept baseline" in said(verdict)[0]


@pytest.mark.parametrize("scale", [1.0, 0.97, 2.0])
def test_no_regression_where_it_is_as_good_or_better(scale: float) -> None:
    assert judge(replace(GOOD, baseline=outcome(scale=scale))).result is Result.SHIP


def test_more_failures_than_the_baseline_had_are_a_regression() -> None:
    asked = replace(GOOD, thresholds=[Threshold("failed_share < 0.2")])
    worse = judge(replace(asked, measured=outcome(failed=25), baseline=outcome(failed=2)))
    assert (worse.cause, said(worse)[0]) == (Cause.REGRESSION, "regression: 25 of 385 requests failed, with the kept baseline 2 of 362")
    assert judge(replace(asked, measured=outcome(failed=6), baseline=outcome(failed=2))).result is Result.SHIP
    assert judge(replace(asked, measured=outcome(failed=6), baseline=outcome(n=0))).result is Result.SHIP


def test_a_line_reads_like_k6() -> None:
    line = str(judge(GOOD).judgements[0])
    assert line.startswith("p95_ttft_ms < 200 (measured 14")
    assert "[" in line


def during(measured: float | None, predicted: float | None = 0.01) -> dict[str, JobFigure]:
    return {"failed_share_during_faults": JobFigure("failed_share_during_faults", "failed", "share", predicted, measured, 100)}


FAULT = Threshold("failed_share_during_faults < 0.05")


@pytest.mark.parametrize(
    ("figures", "cause"),
    [
        (during(0.01), Cause.NOTHING_WRONG),
        (during(0.2), Cause.THRESHOLD),
        (during(0.01, 0.3), Cause.UNDECIDED),  # prediction and measurement disagree
        (during(None), Cause.NOTHING_WRONG),  # the prediction decides where nothing could be measured
        (during(None, 0.3), Cause.THRESHOLD),
        ({}, Cause.UNDECIDED),
    ],
)
def test_a_job_s_figure_decides_its_threshold(figures: dict[str, JobFigure], cause: Cause) -> None:
    assert judge(replace(GOOD, thresholds=[*GOOD.thresholds, FAULT], figures=figures, faults=True)).cause is cause


def test_a_threshold_on_faults_does_not_apply_without_one() -> None:
    verdict = judge(replace(GOOD, thresholds=[*GOOD.thresholds, FAULT]))
    assert verdict.cause is Cause.NOTHING_WRONG
    assert "all 4 thresholds hold" in said(verdict)[0]


@pytest.mark.parametrize(("n", "result"), [(8, Result.INCONCLUSIVE), (100, Result.HOLD)])
def test_a_job_s_percentile_needs_samples(n: int, result: Result) -> None:
    figure = JobFigure("p95_gateway_overhead_ms", "own time", "ms", 1.0, 9.0, n)
    judged = replace(GOOD, thresholds=[Threshold("p95_gateway_overhead_ms < 5"), *GOOD.thresholds], figures={figure.name: figure})
    assert judge(judged).result is result
