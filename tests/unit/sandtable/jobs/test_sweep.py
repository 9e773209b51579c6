"""The largest rate that holds, of a server whose latency is known."""

from __future__ import annotations

import math

import pytest

from foundation.measures import RequestRecord, Status
from foundation.measures.goodput import Limits, goodput, limits_of
from loadtests.measurement import GeneratorStats, Measurement
from sandtable.jobs.sweep import find_knee

QUIET = GeneratorStats("open-loop", 1, 10.0, 1.0, 0.1, 100, 100, 900, 10.0, 10.0, 0.5, 2.0, 3.0)
LIMITS = Limits(ttft_ms=500.0)


def at(rate_per_s: float, *, breaks_at: float = 20.0, late_from: float = math.inf) -> Measurement:
    """A server that is fast below a rate, and slow from there on; a generator that is late from another."""
    ttft_s = 0.1 if rate_per_s < breaks_at else 2.0
    records = [RequestRecord(n, n, n + ttft_s, n + ttft_s + 0.5, 10, 5, "a") for n in range(100)]
    invalid = ["the generator sent late"] if rate_per_s >= late_from else []
    return Measurement.of(records, replicas=["a"], generator=QUIET, invalid=invalid)


def test_the_knee_is_found_between_the_last_rate_that_holds_and_the_first_that_does_not() -> None:
    sweep = find_knee(at, 4.0, LIMITS)
    assert sweep.knee_per_s is not None
    assert 18.5 < sweep.knee_per_s < 20.0
    assert sweep.bounded
    assert [point.rate_per_s for point in sweep.points] == sorted(point.rate_per_s for point in sweep.points)


def test_it_goes_down_where_the_first_rate_breaks() -> None:
    sweep = find_knee(lambda rate: at(rate, breaks_at=1.0), 16.0, LIMITS)
    assert sweep.knee_per_s is not None
    assert 0.9 < sweep.knee_per_s < 1.0


def test_a_late_generator_ends_it_and_the_knee_is_a_lower_bound() -> None:
    sweep = find_knee(lambda rate: at(rate, late_from=10.0), 4.0, LIMITS)
    assert sweep.knee_per_s == 9.0
    assert not sweep.bounded
    assert find_knee(lambda rate: at(rate, late_from=1.0), 4.0, LIMITS).knee_per_s is None


def test_goodput_counts_what_was_served_as_promised() -> None:
    good, slow = RequestRecord(0, 0, 0.1, 0.5, 9, 5, "a"), RequestRecord(0, 0, 0.9, 1.5, 9, 5, "a")
    failed = RequestRecord(0, 0, None, 0.1, 9, 0, "a", Status.FAILED)
    assert goodput([good, slow, failed, good], LIMITS) == 0.5
    assert goodput([good, slow], Limits(e2e_ms=1000.0, tpot_ms=200.0)) == 0.5
    assert math.isnan(goodput([], LIMITS))


@pytest.mark.parametrize(
    ("given", "limits"),
    [
        ([("p95_ttft_ms", 400.0), ("p95_ttft_ms", 300.0), ("p99_e2e_ms", 1.0)], Limits(ttft_ms=300.0)),
        ([("failed_share", 0.01)], Limits()),
    ],
)
def test_limits_are_those_of_thresholds_on_a_p95(given: list[tuple[str, float]], limits: Limits) -> None:
    assert limits_of(given) == limits
