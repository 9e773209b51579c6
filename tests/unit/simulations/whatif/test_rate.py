"""The rate of requests over a run."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulations.whatif.rate import Rate

amounts = st.floats(0.01, 100)


def test_a_ramp_by_hand() -> None:
    rate = Rate(2.0, to=3.0, start_s=10, length_s=20)  # 2 a second until 10 s, 6 a second from 30 s on
    assert [rate.passed_s(at) for at in (0, 10, 20, 30, 40)] == [0, 20, 50, 100, 160]
    assert [rate.at_s(passed) for passed in (0, 20, 50, 100, 160)] == [0, 10, 20, 30, 40]


def test_a_rate_that_ends_passes_no_more() -> None:
    stopped = Rate(1.0, to=0.0, start_s=10, length_s=0)
    assert stopped.passed_s(100) == 10
    assert math.isinf(stopped.at_s(11))


@settings(max_examples=50)
@given(amounts, st.floats(0.1, 20), st.floats(0, 100), st.floats(0, 100), st.floats(0, 300))
def test_the_inverse_of_the_integral(factor: float, to: float, start_s: float, length_s: float, at_s: float) -> None:
    rate = Rate(factor, to, start_s, length_s)
    assert rate.at_s(rate.passed_s(at_s)) == pytest.approx(at_s, rel=1e-6, abs=1e-6)
    assert rate.passed_s(at_s) <= rate.largest * at_s * (1 + 1e-9) + 1e-9


@settings(max_examples=30)
@given(amounts, st.floats(0, 20), st.lists(st.floats(0, 500), min_size=2, max_size=8))
def test_requests_stay_in_their_order(factor: float, to: float, passed: list[float]) -> None:
    rate = Rate(factor, to, 5, 10)
    times = [rate.at_s(x) for x in sorted(passed)]
    assert times == sorted(times)
