"""Intervals of counted shares."""

from __future__ import annotations

import math

import pytest

from foundation.measures import sample_for_share, share_interval


@pytest.mark.parametrize(
    ("count", "n", "expected"),
    [
        (0, 360, (0.0, 1 - 0.05 ** (1 / 360))),
        (1, 80, (0.0003164, 0.0676878)),  # scipy.stats.binomtest(1, 80).proportion_ci()
        (27, 478, (0.0375505, 0.0811220)),
        (79, 80, (0.9323122, 0.9996836)),
        (80, 80, (0.05 ** (1 / 80), 1.0)),
    ],
)
def test_ends_are_those_of_the_tables(count: int, n: int, expected: tuple[float, float]) -> None:
    assert share_interval(count, n) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("share", [0.002, 0.01, 0.3])
def test_it_covers_the_true_share_about_as_often_as_it_says(share: float) -> None:
    n = 200
    probabilities = [math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(n + 1)]
    covered = sum(p for k, p in enumerate(probabilities) if p > 1e-12 and share_interval(k, n)[0] <= share <= share_interval(k, n)[1])
    assert covered >= 0.93


@pytest.mark.parametrize(("count", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_what_is_no_share_is_refused(count: int, n: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        share_interval(count, n)


def test_the_sample_that_is_named_decides() -> None:
    needed = sample_for_share(0.0, 0.01)
    assert needed == 299
    assert share_interval(0, needed)[1] < 0.01 < share_interval(0, needed - 1)[1]
    more = sample_for_share(0.02, 0.01)
    assert more is not None
    assert share_interval(round(0.02 * more * 1.1), round(more * 1.1))[0] > 0.01
    assert sample_for_share(0.01, 0.01) is sample_for_share(0.5, 0.0) is None
