"""Gradients against differences, and clipped sums against gradients taken one by one."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.federation.models.network import Activation, Network

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.standard_normal((7, 4)), RANDOM.integers(0, 3, 7)


def loss(model: Network, parameters: np.ndarray) -> float:  # type: ignore[type-arg]
    return float(-np.log(model.probabilities(parameters, X)[np.arange(len(Y)), Y]).mean())


@pytest.mark.parametrize(("sizes", "activation"), [((4, 3), "relu"), ((4, 5, 3), "tanh"), ((4, 5, 6, 3), "relu"), ((4, 2, 3), "identity")])
def test_the_gradient_is_that_of_the_loss(sizes: tuple[int, ...], activation: Activation) -> None:
    model = Network(sizes, activation)
    parameters = model.initial(1)
    gradient = model.gradient(parameters, X, Y)
    for place in range(model.length):
        step = np.zeros(model.length)
        step[place] = 1e-6
        assert gradient[place] == pytest.approx((loss(model, parameters + step) - loss(model, parameters - step)) / 2e-6, abs=1e-7)


@pytest.mark.parametrize("clip_norm", [0.01, 0.5, 100.0])
def test_each_record_s_gradient_is_clipped(clip_norm: float) -> None:
    model = Network((4, 5, 3), "tanh")
    parameters = model.initial(1)
    single = [model.gradient(parameters, X[row : row + 1], Y[row : row + 1]) for row in range(len(Y))]
    expected = sum(gradient * min(1, clip_norm / np.linalg.norm(gradient)) for gradient in single)
    np.testing.assert_allclose(model.clipped_sum(parameters, X, Y, clip_norm), expected, atol=1e-12)


def test_no_record_has_a_sum_of_zeros() -> None:
    model = Network((4, 3))
    assert not model.clipped_sum(model.initial(0), X[:0], Y[:0], 1.0).any()


def test_huge_logits_do_not_overflow() -> None:
    model = Network((4, 3))
    probabilities = model.probabilities(model.initial(0) * 1e6, X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
