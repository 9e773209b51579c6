"""The predicted distribution of latencies: quantiles with the interval that the replications leave open."""

from __future__ import annotations

import math

import pytest

from foundation.measures.outcome import RequestRecord, Status
from simulations.whatif.distribution import distributions


def run(latencies_s: list[float], *, status: Status = Status.OK) -> list[RequestRecord]:
    return [RequestRecord(0.0, 0.0, at_s / 2, at_s, 10, 5, "a", status=status) for at_s in latencies_s]


def test_a_quantile_is_a_mean_over_replications_with_their_spread() -> None:
    runs = [run([float(n + shift) for n in range(1, 102)]) for shift in (0, 2)]
    found = distributions([*runs, run([1e6], status=Status.FAILED) + runs[0]])
    median = found["e2e_ms"][0.5]
    assert (median.mean, median.n) == (pytest.approx((51 + 53 + 51) / 3 * 1e3), 3)
    assert median.low < 51e3 < median.high
    assert found["ttft_ms"][0.5].mean == pytest.approx(median.mean / 2)
    assert list(found["e2e_ms"]) == [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95]  # three of 101 lie beyond the 98 % level, but for a hair


def test_one_replication_has_no_band_and_too_few_requests_no_level() -> None:
    alone = distributions([run([1.0] * 10)])["e2e_ms"]
    assert list(alone) == [0.5]
    assert math.isinf(alone[0.5].high)
    assert distributions([run([1.0] * 10), run([])])["e2e_ms"] == {}
    assert distributions([])["tpot_ms"] == {}
