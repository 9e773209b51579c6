"""A job with a deadline on spot machines."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulations.errors import SimulationError
from simulations.spot import DeadlineJob, Prices, Window, always_on_demand, greedy, read_windows

PRICES = Prices(spot_usd_per_h=1.0, on_demand_usd_per_h=3.0)


def window(digits: str) -> Window:
    return Window("w", 3600, tuple(digit == "1" for digit in digits))


def test_spot_all_the_time_costs_one_started_interval_more() -> None:
    outcome = DeadlineJob(3 * 3600, 9 * 3600, 360).run(window("111111"), greedy, PRICES)
    assert (outcome.cost_usd, outcome.ended_s, outcome.starts) == (4.0, 4 * 3600, 1)


def test_greedy_waits_and_then_must_pay() -> None:
    outcome = DeadlineJob(3 * 3600, 6 * 3600, 0).run(window("100000"), greedy, PRICES)
    assert outcome.cost_usd == 1 + 2 * 3
    assert outcome.ended_s <= 6 * 3600


def test_a_spot_machine_that_works_goes_on_when_time_is_short() -> None:
    assert DeadlineJob(3 * 3600, 4 * 3600, 0).run(window("1111"), greedy, PRICES).cost_usd == 3.0


@settings(max_examples=60, deadline=None)
@given(
    available=st.lists(st.booleans(), max_size=30),
    work=st.integers(1, 20),
    slack=st.integers(1, 10),
    restart_s=st.sampled_from([0, 180, 1800, 3600]),
)
def test_no_job_is_late_nor_dearer_than_the_sum_of_its_intervals(available: list[bool], work: int, slack: int, restart_s: int) -> None:
    job = DeadlineJob(work * 3600, (work + slack + 2) * 3600, restart_s)
    trace = Window("w", 3600, tuple(available))
    outcome = job.run(trace, greedy, PRICES)
    assert outcome.ended_s <= job.deadline_s
    assert work * 1.0 <= outcome.cost_usd <= outcome.ended_s / 3600 * 3.0
    assert job.run(trace, always_on_demand, PRICES).cost_usd == 3.0 * (work + (restart_s > 0))


def test_a_deadline_that_cannot_be_kept_is_refused() -> None:
    with pytest.raises(SimulationError, match="do not fit"):
        DeadlineJob(10, 10, 1)


def test_the_sign_of_a_trace_is_turned_and_a_bad_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "zone.jsonl"
    path.write_text('{"window": "a", "gap_seconds": 600, "unavailable": "011"}\n')
    assert read_windows(path) == [Window("a", 600.0, (True, False, False))]
    path.write_text('{"window": "a", "gap_seconds": 600, "unavailable": "012"}\n')
    with pytest.raises(SimulationError, match=r"zone.jsonl, line 1: .* other digits"):
        read_windows(path)
