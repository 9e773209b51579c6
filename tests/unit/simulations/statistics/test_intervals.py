"""Intervals and paired differences."""

from __future__ import annotations

import math
from random import Random

import pytest

from sandtable.document.answers.whatif import MeanOf
from simulations.statistics import compare, interval, share_of_drawn, t95


@pytest.mark.parametrize(("degrees", "value"), [(1, 12.7062), (4, 2.7764), (30, 2.0423), (31, 2.0395), (60, 2.0003), (1000, 1.9623)])
def test_quantiles_of_students_t_agree_with_the_tables(degrees: int, value: float) -> None:
    assert t95(degrees) == pytest.approx(value, abs=1e-4)


def test_an_interval_by_hand() -> None:
    # 2, 4, 6: mean 4, deviation 2, half-width 4.3027 * 2 / sqrt(3).
    found = interval([2, 4, 6])
    assert (found.mean, found.half_width, found.n) == (4, pytest.approx(4.9683, abs=1e-4), 3)


def test_one_value_bounds_nothing_and_a_missing_one_is_left_out() -> None:
    assert interval([3.0]).high == math.inf
    assert interval([3.0, math.nan]) == interval([3.0])
    assert math.isnan(interval([math.nan]).mean)
    assert MeanOf.of(interval([3.0])) == MeanOf(mean=3.0, ci95=(None, None), n=1)


def test_the_interval_covers_the_truth_nineteen_times_in_twenty() -> None:
    dice = Random(1)
    covered = sum((found := interval([dice.gauss(5, 2) for _ in range(6)])).low <= 5 <= found.high for _ in range(2000))
    assert covered / 2000 == pytest.approx(0.95, abs=0.015)


def test_pairing_sees_what_the_dice_would_hide() -> None:
    base = [10.0, 20.0, 30.0, 40.0, 50.0]
    slower = [value + 1 + 0.01 * index for index, value in enumerate(base)]
    found = compare(slower, base, lower_is_better=True).difference
    assert found is not None
    assert (found.mean, found.n) == (pytest.approx(1.02), 5)
    assert compare(slower, base, lower_is_better=True).verdict == "worse"
    assert compare(slower, base, lower_is_better=False).verdict == "better"
    # The same values in another order are no pairs, and nothing can be told.
    assert compare(slower[::-1], base, lower_is_better=True).verdict == "not distinguishable"


def test_runs_that_are_all_or_nothing_are_certain_of_nothing_when_they_agree() -> None:
    assert interval([1.0] * 20).low == 1.0
    found = share_of_drawn([1.0] * 20)
    assert (found.mean, found.high, found.low) == (1.0, 1.0, pytest.approx(0.05 ** (1 / 20)))
    half = share_of_drawn([1.0] * 10 + [0.0] * 10)
    assert (half.low, half.high) == (pytest.approx(0.272, abs=1e-3), pytest.approx(0.728, abs=1e-3))  # Clopper and Pearson, 10 of 20
    assert share_of_drawn([math.nan]).n == 0


def test_an_interval_ends_where_its_value_can_be_no_more() -> None:
    assert interval([0.9, 1.0]).high > 1
    assert interval([0.9, 1.0]).within(0, 1).high == 1


def test_a_difference_ends_where_nothing_would_be_left() -> None:
    found = compare([0.1, 0.2, 0.0], [10.0, 20.0, 90.0], lower_is_better=True)
    assert found.difference is not None
    assert (found.value.low, found.difference.low) == (0.0, -40.0)
    # Only the pairs count, and where one pair bounds nothing, nothing does.
    gone = compare([0.1, math.nan, 0.0], [10.0, 20.0, 90.0], lower_is_better=True).difference
    assert gone is not None
    assert gone.low == -50.0
    single = compare([1.0], [2.0], lower_is_better=True)
    assert single.difference is not None
    assert (single.value.low, single.difference.low) == (-math.inf, -math.inf)


def test_no_difference_is_not_distinguishable_and_no_value_is_undefined() -> None:
    assert compare([1.0, 2.0], [1.0, 2.0], lower_is_better=True).verdict == "not distinguishable"
    assert compare([math.nan, math.nan], [1.0, 2.0], lower_is_better=True).verdict == "undefined"
    # Pairs without a value on one side are left out of the difference.
    found = compare([math.nan, 3.0, 4.1], [1.0, 2.0, 3.0], lower_is_better=True)
    assert (found.value.n, found.difference.n if found.difference else 0, found.verdict) == (2, 2, "worse")
    assert compare([1.0, 2.0], None, lower_is_better=True).verdict is None


def test_what_nobody_decides_by_is_not_told_apart() -> None:
    base = [100.0, 110.0, 120.0]
    assert compare([value + 0.4 for value in base], base, lower_is_better=True).verdict == "not distinguishable"
    assert compare([value + 0.7 for value in base], base, lower_is_better=True).verdict == "worse"
