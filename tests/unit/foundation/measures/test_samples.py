"""When a sample is too small to decide, and about what."""

from __future__ import annotations

import math

import pytest

from foundation.measures import Outcome, RequestRecord, Status, quantiles, samples_needed, too_few_samples, undersampled


def outcome(good: int, failed: int = 0, tokens: int = 5) -> Outcome:
    records = [RequestRecord(i, i, i + 0.1, i + 0.5, 10, tokens, "a") for i in range(good)]
    records += [RequestRecord(i, i, None, i + 0.5, 10, 0, "a", Status.FAILED, "gone") for i in range(failed)]
    return Outcome.from_records(records, replicas=["a"], seed=1)


@pytest.mark.parametrize(("percentile", "needed"), [(50, 4), (95, 73), (99, 381)])
def test_samples_needed_is_where_the_interval_becomes_finite(percentile: int, needed: int) -> None:
    assert samples_needed(percentile) == needed
    assert math.isinf(quantiles(range(needed - 1)).ci95[f"p{percentile}"][1])
    assert math.isfinite(quantiles(range(needed)).ci95[f"p{percentile}"][1])


def test_enough_samples_decide_and_what_is_no_percentile_needs_none() -> None:
    assert undersampled(outcome(73), ["p95_ttft_ms", "p50_e2e_ms"]) == ()
    assert too_few_samples(outcome(0, failed=1), "failed_share") is None


def test_too_few_samples_are_those_of_the_metric_that_is_asked() -> None:
    reasons = undersampled(outcome(400, tokens=1), ["p99_ttft_ms", "p95_tpot_ms", "p95_tpot_ms"])
    assert reasons == ("too few samples for p95_tpot_ms: 0, 73 needed to bound it from above; lengthen the run or raise the rate",)


def test_failures_alone_decide_nothing_whatever_is_asked() -> None:
    assert undersampled(outcome(0, failed=9), []) == ("no request was good: 9 of 9 failed",)
    assert undersampled(outcome(1, failed=9), []) == ()
