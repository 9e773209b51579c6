"""The cut of the warm-up, on series whose warm-up is known."""

from __future__ import annotations

import random

from simulations.statistics import warm_up


def series(transient: int, steady: int, seed: int = 1) -> list[float]:
    noise = random.Random(seed)
    return [10 * index / transient for index in range(transient)] + [10 + noise.gauss(0, 0.5) for _ in range(steady)]


def test_a_ramp_is_cut_and_little_else() -> None:
    for seed in range(20):
        cut = warm_up(series(100, 900, seed))
        assert cut is not None
        assert 80 <= cut <= 200


def test_nothing_is_cut_from_a_constant() -> None:
    assert warm_up([3.0] * 100) == 0


def test_a_run_that_only_climbs_is_too_short() -> None:
    assert warm_up([float(index) for index in range(200)]) is None


def test_a_handful_of_values_is_too_short() -> None:
    assert warm_up([1.0] * 20) is None
    assert warm_up([]) is None


def test_a_distant_mean_does_not_hide_the_ramp() -> None:
    shifted = [value + 1e9 for value in series(100, 900)]
    assert warm_up(shifted) == warm_up(series(100, 900))
