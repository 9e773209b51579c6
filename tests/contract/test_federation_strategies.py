"""What every strategy keeps, whatever it does with the updates."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.federation.definition import Strategy as Settings
from workloads.federation.definition import StrategyName
from workloads.federation.errors import UpdateError
from workloads.federation.strategies.strategy import Strategy, strategy_for

LENGTH, CLIENTS = 6, 7
NAMES: list[StrategyName] = ["fedavg", "fedprox", "fedadam", "scaffold", "trimmed-mean", "krum"]


@pytest.fixture(params=NAMES)
def strategy(request: pytest.FixtureRequest) -> Strategy:
    return strategy_for(Settings(name=request.param, server_rate=0.5, malicious=2))


def updates(strategy: Strategy, seed: int = 0) -> np.ndarray:  # type: ignore[type-arg]
    return np.random.default_rng(seed).standard_normal((CLIENTS, LENGTH * (2 if strategy.controls else 1)))


def test_equal_updates_are_their_own_aggregate(strategy: Strategy) -> None:
    one = updates(strategy)[0]
    np.testing.assert_allclose(strategy.combine(np.tile(one, (CLIENTS, 1)), np.arange(1.0, CLIENTS + 1)), one)


def test_the_order_of_the_clients_does_not_matter(strategy: Strategy) -> None:
    rows, weights = updates(strategy), np.arange(1.0, CLIENTS + 1)
    order = np.random.default_rng(1).permutation(CLIENTS)
    np.testing.assert_allclose(strategy.combine(rows[order], weights[order]), strategy.combine(rows, weights), atol=1e-12)


def test_a_step_goes_along_the_update_and_leaves_the_old_state_alone(strategy: Strategy) -> None:
    before = strategy.begin(np.zeros(LENGTH))
    update = np.abs(updates(strategy)[0])
    after = strategy.step(before, update, 1.0)
    assert not before.parameters.any()
    assert (after.parameters > 0).all()


def test_no_update_is_no_step(strategy: Strategy) -> None:
    start = strategy.begin(np.ones(LENGTH))
    after = strategy.step(start, np.zeros(LENGTH * (2 if strategy.controls else 1)), 1.0)
    np.testing.assert_array_equal(after.parameters, start.parameters)


def test_means_are_weighted_by_records() -> None:
    combined = strategy_for(Settings()).combine(np.array([[0.0, 3.0], [4.0, 3.0]]), np.array([1.0, 3.0]))
    np.testing.assert_allclose(combined, [3.0, 3.0])


def test_server_momentum_carries_the_last_update_on() -> None:
    momentum = strategy_for(Settings(momentum=0.5))
    state = momentum.begin(np.zeros(1))
    for _ in range(2):
        state = momentum.step(state, np.ones(1), 1.0)
    assert state.parameters[0] == pytest.approx(1 + 1.5)


def test_the_control_variate_moves_by_the_share_of_clients() -> None:
    scaffold = strategy_for(Settings(name="scaffold"))
    state = scaffold.step(scaffold.begin(np.zeros(2)), np.array([1.0, 2.0, 8.0, 4.0]), 0.25)
    np.testing.assert_allclose(state.parameters, [1, 2])
    np.testing.assert_allclose(state.control, [2, 1])


@pytest.mark.parametrize("name", ["trimmed-mean", "krum"])
def test_two_malicious_clients_of_seven_are_ignored(name: StrategyName) -> None:
    robust = strategy_for(Settings(name=name, malicious=2))
    honest = 1 + 0.01 * updates(robust)[:5]
    for lie in (1e6, -1e6):
        combined = robust.combine(np.vstack([honest, np.full((2, LENGTH), lie)]), np.ones(7))
        np.testing.assert_allclose(combined, 1, atol=0.05)


@pytest.mark.parametrize(("name", "needed"), [("trimmed-mean", "more than 4"), ("krum", "at least 7")])
def test_too_few_updates_for_a_robust_strategy_are_an_error(name: StrategyName, needed: str) -> None:
    with pytest.raises(UpdateError, match=f"{needed} updates, not 4"):
        strategy_for(Settings(name=name, malicious=2)).combine(np.ones((4, 2)), np.ones(4))
