"""What a run is summarised to, and when it must not be judged."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from foundation.measures.outcome import Outcome, RequestRecord, Status
from foundation.measures.validity import generator_faults
from loadtests.measurement import GeneratorStats, Measurement, open_loop_stats, timeline


def record(at: float, *, ttft: float = 0.1, e2e: float = 0.5, tokens: int = 5, status: Status = Status.OK) -> RequestRecord:
    first = at + ttft if status is Status.OK else None
    return RequestRecord(at, at, first, at + e2e, 10, tokens, "a", status, None if status is Status.OK else "gone")


QUIET = GeneratorStats("open-loop", 1, 10.0, 1.0, 0.1, 100, 100, 900, 10.0, 10.0, 0.5, 2.0, 3.0)


def outcome(n: int) -> Outcome:
    return Outcome.from_records([record(i / 10) for i in range(n)], replicas=["a"], seed=1)


def test_a_quiet_generator_is_valid_however_few_samples_came() -> None:
    assert generator_faults(1, QUIET) == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lag_p99_ms": 10.1}, "the p99 of its send lag is 10.1 ms, the limit 10 ms"),
        ({"cpu_share": 0.9}, "it used 90% of a core"),
        (
            {"achieved_per_s": 9.89, "sent": 99},
            "at 9.89/s where 10.00/s were due (98.9%, at least 99% are needed)",
        ),
    ],
)
def test_a_bad_instrument_is_named_with_its_fix(change: dict[str, float], words: str) -> None:
    (reason,) = generator_faults(100, replace(QUIET, **change))
    assert words in reason
    assert "lower the rate" in reason


def test_at_the_limits_a_run_is_still_valid() -> None:
    assert generator_faults(100, replace(QUIET, lag_p99_ms=10.0, cpu_share=0.89, achieved_per_s=9.9)) == ()


def test_without_a_request_nothing_was_measured_whatever_is_asked() -> None:
    assert generator_faults(0, QUIET) == ("nothing was measured: no request was sent",)


def test_a_closed_loop_has_no_lag_to_judge() -> None:
    closed = replace(QUIET, kind="closed-loop", lag_p50_ms=None, lag_p99_ms=None, lag_max_ms=None)
    assert generator_faults(100, closed) == ()


CLOSED = replace(QUIET, kind="closed-loop", lag_p50_ms=None, lag_p99_ms=None, lag_max_ms=None)


def test_users_who_cannot_meet_the_rate_make_no_measurement_at_that_rate() -> None:
    slow = replace(CLOSED, planned=500, sent=50, offered_per_s=50.0, achieved_per_s=5.0)
    (reason,) = generator_faults(50, slow)
    assert reason.startswith("the rate was not reached: 5/s of 50/s (50 of about 500 requests): the engine answered too slowly, or")
    assert "more --users" in reason


@pytest.mark.parametrize(("planned", "sent"), [(10, 0), (100, 64), (500, 450), (500, 405), (5000, 4050)])
def test_users_ask_at_random_and_chance_is_no_shortfall(planned: int, sent: int) -> None:
    luck = replace(CLOSED, planned=planned, sent=sent, offered_per_s=planned / 10, achieved_per_s=sent / 10)
    assert generator_faults(50, luck) == ()


@pytest.mark.parametrize(("planned", "sent"), [(100, 61), (500, 386), (5000, 4049)])
def test_what_chance_does_not_do_is_a_shortfall(planned: int, sent: int) -> None:
    short = replace(CLOSED, planned=planned, sent=sent, offered_per_s=planned / 10, achieved_per_s=sent / 10)
    assert len(generator_faults(50, short)) == 1


def test_only_users_can_be_shared_among_processes() -> None:
    ((of_users,), (of_times,)) = (generator_faults(50, replace(one, cpu_share=0.95)) for one in (CLOSED, QUIET))
    assert "--processes" in of_users
    assert "processes" not in of_times


def test_lag_and_rates_come_from_the_sends() -> None:
    stats = open_loop_stats([(float(i), i + 0.002) for i in range(11)], wall_s=10.0, cpu_s=1.0, frames=100)
    assert (stats.planned, stats.sent, stats.offered_per_s) == (11, 11, 1.0)
    assert (stats.lag_p50_ms, stats.lag_max_ms) == pytest.approx((2.0, 2.0))
    assert stats.achieved_share == pytest.approx(10 / 10.002)
    assert (stats.cpu_share, stats.cpu_us_per_frame) == (0.1, 1e4)
    assert stats.cpu_ms_per_request == pytest.approx(1000 / 11)


def test_requests_that_never_left_and_late_starts_lower_the_achieved_rate() -> None:
    missing = open_loop_stats([(float(i), float(i) if i < 9 else None) for i in range(11)], wall_s=1, cpu_s=0, frames=0)
    assert missing.sent == 9
    late = open_loop_stats([(float(i), i + 1.0) for i in range(11)], wall_s=1, cpu_s=0, frames=0)
    assert late.achieved_share == pytest.approx(10 / 11)


@pytest.mark.parametrize("sends", [[], [(0.0, 0.0)], [(0.0, None)], [(1.0, 1.0)] * 5, [(1.0, None)] * 5])
def test_degenerate_sends_give_finite_numbers(sends: list[tuple[float, float | None]]) -> None:
    stats = open_loop_stats(sends, wall_s=0.0, cpu_s=0.0, frames=0)
    assert stats.achieved_share == (0.0 if sends and sends[0][1] is None else 1.0)
    assert all(math.isfinite(value) for value in (stats.offered_per_s, stats.cpu_ms_per_request, stats.cpu_us_per_frame, stats.cpu_share))


def test_timeline_counts_every_request_once_and_shows_a_growing_queue() -> None:
    # Two a second come and one a second leaves.
    records = [record(i / 2, ttft=i / 2 + 0.5, e2e=i / 2 + 1.0, tokens=10) for i in range(20)]
    points = timeline(records)
    assert [p.at_s for p in points] == list(map(float, range(20)))
    assert sum(p.offered_per_s for p in points) == sum(p.finished_per_s for p in points) == 20
    assert [p.in_flight for p in points[:10]] == sorted(p.in_flight for p in points[:10])
    assert points[-1].in_flight == 0
    assert sum(p.output_tokens_per_s for p in points) == pytest.approx(200)
    assert points[0].ttft_p50_ms == pytest.approx((500 + 1000) / 2)
    assert points[15].ttft_p50_ms is None


def test_timeline_spreads_tokens_over_the_time_in_which_they_came() -> None:
    points = timeline([record(0.0, ttft=0.5, e2e=2.5, tokens=20)])
    assert [p.output_tokens_per_s for p in points] == pytest.approx([5, 10, 5])


def test_timeline_of_failures_and_of_nothing() -> None:
    (point,) = timeline([record(0.2, status=Status.FAILED)])
    assert (point.failed_per_s, point.finished_per_s, point.in_flight, point.ttft_p50_ms) == (1, 0, 0, None)
    assert timeline([]) == []


def test_a_measurement_orders_its_records_and_keeps_reasons_known_beforehand() -> None:
    measured = Measurement.of(
        [record(2.0), record(1.0)], replicas=["a", "b"], generator=QUIET, seed=7, metrics=["p50_ttft_ms"], invalid=["stopped"], notes=["n"]
    )
    assert [r.intended_s for r in measured.records] == [1.0, 2.0]
    assert measured.invalid == ("stopped",)
    (few,) = measured.undersampled
    assert "too few samples for p50_ttft_ms: 2, 4 needed" in few
    assert (measured.outcome.seed, measured.replicas) == (7, ("a", "b"))


def test_rates_are_over_the_time_that_the_plan_covers() -> None:
    few = [record(10.0), record(11.0)]
    known, unknown = (Measurement.of(few, replicas=["a"], generator=QUIET, horizon_s=horizon_s).outcome for horizon_s in (60.0, None))
    assert known.duration_s == 60.0
    assert known.output_tokens_per_s * 60 == pytest.approx(unknown.output_tokens_per_s * unknown.duration_s)


def test_why_requests_failed_is_counted() -> None:
    failed = [replace(record(i / 10, status=Status.FAILED), error=f"error {i % 12}") for i in range(30)]
    measured = Measurement.of([record(0.0), *failed, record(9.0, status=Status.REJECTED)], replicas=["a"], generator=QUIET)
    errors = measured.errors
    assert errors[:2] == [{"error": "error 0", "count": 3}, {"error": "error 1", "count": 3}]
    assert len(errors) == 10
    assert Measurement.of([record(0.0)], replicas=["a"], generator=QUIET).errors == []


def test_what_is_odd_about_tokens_is_said_with_how_often() -> None:
    good = [replace(record(0.0), first_text_s=0.1, remark="odd" if index < 3 else None) for index in range(10)]
    failed = replace(record(2.0, status=Status.FAILED), remark="odd")
    assert Measurement.of([*good, failed], replicas=["a"], generator=QUIET, notes=["n"]).notes == ("n", "odd (3 of 10 requests)")


@pytest.mark.parametrize(("text_s", "words"), [(0.767, "the first text came after 767 ms (p50; p95 767 ms; n=4)"), (None, "no text came")])
def test_the_first_text_is_given_where_it_is_not_the_first_output(text_s: float | None, words: str) -> None:
    thought = [replace(record(0.0, ttft=0.12), first_text_s=text_s)] * 4
    (note,) = Measurement.of(thought, replicas=["a"], generator=QUIET).notes
    assert note == f"4 of 4 requests began with reasoning or a tool call, which TTFT counts as output; {words}"
