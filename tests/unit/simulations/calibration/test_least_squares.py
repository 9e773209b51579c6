import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.calibration.least_squares import not_negative


def test_a_solution_that_is_positive_anyway_is_the_ordinary_one() -> None:
    a = np.array([[1.0, 2.0], [3.0, 1.0], [2.0, 2.0]])
    assert not_negative(a, a @ [0.5, 4.0]).tolist() == pytest.approx([0.5, 4.0])


def test_a_coefficient_that_would_be_negative_is_0_and_the_others_make_the_best_of_it() -> None:
    a = np.array([[1.0, 1.0], [1.0, 2.0], [1.0, 3.0]])
    assert not_negative(a, np.array([3.0, 2.0, 1.0])).tolist() == pytest.approx([2.0, 0.0])


def test_a_column_of_nothing_gets_nothing() -> None:
    assert not_negative(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([2.0, 4.0])).tolist() == pytest.approx([3.0, 0.0])


@given(st.integers(0, 10_000))
def test_it_is_the_optimum(seed: int) -> None:
    """Karush, Kuhn and Tucker: no gradient where it is free, none that would lead inwards where it is 0."""
    random = np.random.default_rng(seed)
    a, b = random.standard_normal((8, 4)), random.standard_normal(8)
    x = not_negative(a, b)
    gradient = a.T @ (b - a @ x)
    assert (x >= 0).all()
    assert (gradient <= 1e-8).all()
    assert np.abs(gradient[x > 0]).max(initial=0.0) < 1e-8
