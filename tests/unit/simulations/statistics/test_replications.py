"""Replications end when the answer is precise, and not by luck before."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from simulations.statistics import Interval, replicate


def mean(value: Callable[[int], float], *, precision: float, most: int = 1000) -> Interval:
    (found,) = replicate(lambda number: [value(number)], precision=precision, most=most)
    return found


def test_they_end_when_the_interval_is_narrow_enough() -> None:
    found = mean(lambda number: random.Random(number).gauss(10.0, 1.0), precision=0.02)
    assert found.half_width <= 0.02 * found.mean
    assert 30 < found.n < 300


def test_values_that_agree_still_run_the_least_number() -> None:
    assert mean(lambda _: 1.0, precision=0.5).n == 5


def test_the_cap_ends_them_and_the_interval_says_so() -> None:
    found = mean(lambda number: float(number % 2), precision=0.01, most=20)
    assert found.n == 20
    assert not found.precise(0.01)


def test_a_mean_of_zero_is_precise_only_if_it_is_exact() -> None:
    assert mean(lambda _: 0.0, precision=0.01).n == 5
    assert mean(lambda number: (-1.0) ** number, precision=0.01, most=10).n == 10


def test_the_least_precise_figure_decides() -> None:
    calm, noisy = replicate(lambda number: (1.0, random.Random(number).gauss(10.0, 1.0)), precision=0.02)
    assert calm.n == noisy.n > 30


def test_one_replication_has_no_interval() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        replicate(lambda number: [number], precision=0.1, fewest=1)


def test_the_intervals_cover_the_truth_as_often_as_they_say() -> None:
    covered = sum(
        (found := mean(lambda number, s=seed: random.Random(f"{s}/{number}").expovariate(1), precision=0.3)).low <= 1 <= found.high
        for seed in range(300)
    )
    assert 0.85 <= covered / 300 <= 0.97  # a sequential rule loses a few points of its 95 %
