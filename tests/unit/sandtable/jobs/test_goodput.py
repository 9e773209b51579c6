"""Goodput as a figure of a rehearsal, and the gateway's thresholds that hold a release."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from foundation.measures import JobFigure, JobOutcome, RequestRecord, Status
from loadtests.measurement import GeneratorStats, Measurement
from policies.verdict import Cause, Evidence, Result, judge
from sandtable.jobs.engines.trial import Trial
from sandtable.jobs.goodput import goodput_job
from simulations.twin import Prediction
from stacks.environment.thresholds import Threshold

QUIET = GeneratorStats("open-loop", 1, 10.0, 1.0, 0.1, 100, 100, 900, 10.0, 10.0, 0.5, 2.0, 3.0)
PROMISED = [Threshold("p95_ttft_ms < 500"), Threshold("p95_e2e_ms < 4000"), Threshold("goodput_share > 0.9")]


def record(n: int, ttft_s: float = 0.1, status: Status = Status.OK) -> RequestRecord:
    return RequestRecord(n, n, n + ttft_s, n + 1, 10, 5, "a", status)


def trial(measured: list[RequestRecord]) -> Trial:
    seen = Measurement.of(measured, replicas=["a"], generator=QUIET)
    predicted = tuple(record(n) for n in range(100))
    return Trial(None, Prediction(predicted, seen.outcome, ("a",), 1), seen)


def test_a_request_counts_if_it_kept_every_limit_and_one_over_its_quota_was_promised_to_nobody() -> None:
    slow = [record(n, ttft_s=0.6) for n in range(20)]
    limited = [record(n, status=Status.LIMITED) for n in range(50)]
    outcome = goodput_job(PROMISED, trial([*(record(n) for n in range(80)), *slow, *limited]))
    assert outcome is not None
    (figure,) = outcome.figures
    assert (figure.predicted, figure.measured, figure.n) == (1.0, 0.8, 100)
    assert figure.low is not None
    assert figure.low < 0.8
    assert outcome.notes == ("limits of a request: ttft_ms < 500, e2e_ms < 4000",)


def test_nobody_asks_nobody_is_told() -> None:
    assert goodput_job(PROMISED[:2], trial([record(0)])) is None
    nothing = goodput_job(PROMISED, replace(trial([record(0)]), measurement=None))
    assert nothing is not None
    assert nothing.figures[0].measured is None


@pytest.mark.parametrize(
    ("threshold", "figure"),
    [
        ("p95_gateway_overhead_ms < 5", {"name": "p95_gateway_overhead_ms", "measured": 7.0, "low": 6.1, "high": 8.4}),
        ("usd_per_request < 0.001", {"name": "usd_per_request", "measured": 0.002}),
        ("failed_share_during_faults < 0.05", {"name": "failed_share_during_faults", "measured": 0.2, "low": 0.12, "high": 0.31}),
        ("goodput_share > 0.9", {"name": "goodput_share", "measured": 0.8, "low": 0.71, "high": 0.87}),
    ],
)
def test_a_broken_threshold_of_the_gateway_holds_the_release_and_one_sentence_says_why(threshold: str, figure: dict[str, Any]) -> None:
    found = JobOutcome("gateway", "through the gateway", (JobFigure(words="", unit="", predicted=figure["measured"], n=400, **figure),))
    good = trial([record(n) for n in range(400)])
    assert good.measurement is not None
    verdict = judge(
        Evidence(
            thresholds=[Threshold("p95_ttft_ms < 500"), Threshold("failed_share < 0.05"), Threshold(threshold)],
            predicted=good.measurement.outcome,
            measured=good.measurement.outcome,
            monthly_cost_usd=0.0,
            figures={one.name: one for one in found.figures},
            faults=True,
        )
    )
    assert (verdict.result, verdict.cause) == (Result.HOLD, Cause.THRESHOLD)
    (reason,) = [str(reason) for reason in verdict.reasons]
    assert reason.startswith(f"threshold broken: {Threshold(threshold)} (measured ")
