"""Exact values: the published ones, and agreement with playing."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.reinforcement.environments.episodes import Episodes
from workloads.reinforcement.environments.finite import FiniteEnvironment
from workloads.reinforcement.environments.noughts_and_crosses import EMPTY, cell_for, positions, winner
from workloads.reinforcement.environments.recommender import myopic, recommender
from workloads.reinforcement.environments.registry import OWN, make, process_of
from workloads.reinforcement.errors import SettingsError
from workloads.reinforcement.evaluation.exact import Solver


@pytest.mark.parametrize(
    ("name", "best", "stationary", "discount"),
    [
        ("FrozenLake-v1", 0.7442, 0.7402, 0.9999),
        ("Taxi-v4", 7.93, 7.93, 0.9999),
        # 0.9948 of the games are won and the others drawn.
        ("noughts-and-crosses", 0.9974, 0.9974, 1.0),
    ],
)
def test_optima_are_the_published_ones(name: str, best: float, stationary: float, discount: float) -> None:
    solver = Solver(process_of(name))
    assert solver.optimal_return() == pytest.approx(best, abs=5e-5)
    assert solver.expected_return(solver.optimal_policy(discount=discount)) == pytest.approx(stationary, abs=5e-5)


def test_a_recommender_that_only_looks_at_the_next_click_loses_a_tenth() -> None:
    solver = Solver(recommender())
    best, greedy = solver.optimal_return(), solver.expected_return(myopic())
    assert solver.expected_return(solver.optimal_policy()) == pytest.approx(best, rel=1e-4)
    assert best > 1.1 * greedy > 1.1 * solver.expected_return(np.full((64, 8), 1 / 8))


@pytest.mark.parametrize("name", sorted(OWN))
def test_the_outcomes_of_an_action_are_a_distribution(name: str) -> None:
    for actions in process_of(name).transitions:
        for outcomes in actions:
            assert sum(chance for chance, *_ in outcomes) == pytest.approx(1)


def test_playing_agrees_with_the_exact_value() -> None:
    process = OWN["noughts-and-crosses"]()
    policy = np.random.default_rng(3).integers(9, size=process.states)
    episodes, total = Episodes(lambda: FiniteEnvironment(process), seed=1), []
    while len(total) < 3000:
        if episodes.step(int(policy[episodes.observation])).over:
            total.append(episodes.next_episode())
    spread = np.std(total) / np.sqrt(len(total))
    assert abs(np.mean(total) - Solver(process).expected_return(policy)) < 4 * spread


def test_a_horizon_cuts_the_return() -> None:
    process = recommender()
    never = np.zeros((64, 8))
    never[:, 0] = 1
    shorter = Solver(type(process)(process.transitions, process.start, 10, 1.0)).expected_return(never)
    assert 0 < shorter < 10


def test_positions_of_the_game() -> None:
    assert positions()[0] == EMPTY
    assert len(set(positions())) == len(positions()) == 2423
    assert all(board.count("X") == board.count("O") and winner(board) is None for board in positions())
    assert cell_for("X........", 0) == 1
    assert cell_for("........O", 8) == 0
    assert [winner(board) for board in ("XXX......", "O..O..O..", "XOXXOOOXX")] == ["X", "O", "draw"]


def test_an_environment_without_a_table_has_no_exact_value() -> None:
    with pytest.raises(SettingsError, match="no table of transitions"):
        process_of("CartPole-v1")
    with pytest.raises(SettingsError, match="recommender"):
        make("NoSuchGame-v1")
