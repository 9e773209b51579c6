from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.measures import Outcome, RequestRecord, Status, quantiles


def record(intended: float, first: float | None, finished: float, *, tokens: int = 5, replica: str = "a", **more: object) -> RequestRecord:
    return RequestRecord(intended, intended, first, finished, 10, tokens, replica, **more)  # type: ignore[arg-type]


def test_latencies_count_from_the_intended_time_not_from_the_sending() -> None:
    late = RequestRecord(1.0, 3.0, 3.5, 4.5, 10, 5, "a")
    assert late.ttft_ms == 2500
    assert late.e2e_ms == 3500
    assert late.tpot_ms == 250


def test_one_token_has_no_time_per_token() -> None:
    assert record(0, 1, 1, tokens=1).tpot_ms is None


def test_quantiles_agree_with_the_textbook() -> None:
    q = quantiles(float(x) for x in range(1, 102))
    assert (q.p50, q.p95, q.p99, q.n) == (51, 96, 100, 101)


def test_a_small_sample_bounds_no_high_quantile_from_above() -> None:
    q = quantiles(float(x) for x in range(20))
    assert q.ci95["p99"][1] == math.inf
    assert q.to_json()["ci95"]["p99"][1] is None


def test_no_sample_is_nan_and_null() -> None:
    q = quantiles([])
    assert math.isnan(q.p50)
    assert q.to_json()["p50"] is None


def test_intervals_cover_the_true_quantile_about_as_often_as_they_say() -> None:
    rng = random.Random(7)
    covered = 0
    for _ in range(400):
        low, high = quantiles(rng.expovariate(1.0) for _ in range(200)).ci95["p95"]
        covered += low <= -math.log(0.05) <= high
    assert 0.92 <= covered / 400 <= 0.99


def test_utilisation_is_the_union_of_busy_intervals_over_all_replicas() -> None:
    records = [record(0, 1, 4), record(2, 3, 6), record(8, 9, 10)]
    outcome = Outcome.from_records(records, replicas=["a", "idle"], seed=1)
    assert outcome.utilisation == pytest.approx((6 + 2) / (10 * 2))


def test_failed_requests_count_and_give_no_latency() -> None:
    records = [record(0, 1, 2), record(1, None, 1.5, status=Status.FAILED, error="reset"), record(2, None, 2, status=Status.REJECTED)]
    outcome = Outcome.from_records(records, replicas=["a"], seed=None)
    assert (outcome.requests, outcome.good, outcome.failed, outcome.ttft_ms.n) == (3, 1, 2, 1)


def test_an_empty_run_is_an_outcome_too() -> None:
    outcome = Outcome.from_records([], replicas=["a"], seed=3)
    assert outcome.to_json()["requests"] == 0
    assert outcome.to_json()["ttft_ms"]["p95"] is None


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300))
def test_quantiles_are_ordered_and_inside_their_intervals(values: list[float]) -> None:
    q = quantiles(values)
    assert min(values) <= q.p50 <= q.p95 <= q.p99 <= max(values)
    # The interval holds order statistics, the point may lie between two of them.
    assert all(low <= getattr(q, name) <= high for name, (low, high) in q.ci95.items())


def test_an_outcome_survives_its_json() -> None:
    outcome = Outcome.from_records([record(i, i + 0.5, i + 1) for i in range(30)], replicas=["a"], seed=1, cost_usd_per_hour=2.0)
    again = Outcome.from_json(outcome.to_json())
    assert again.to_json() == outcome.to_json()
    assert again.ttft_ms.ci95["p99"][1] == math.inf
