"""Off-policy evaluation against the exact value of the recommender's next click."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from workloads.reinforcement.environments.recommender import GENRES, click_chance
from workloads.reinforcement.errors import SettingsError
from workloads.reinforcement.evaluation.off_policy import Estimate, Log, doubly_robust, fitted_model, ips, snips

STATES = GENRES**2
CHANCES = np.array([[click_chance(state, genre) for genre in range(GENRES)] for state in range(STATES)])
TARGET = np.full((STATES, GENRES), 0.02)
TARGET[np.arange(STATES), CHANCES.argmax(axis=1)] = 1 - 0.02 * (GENRES - 1)
EXACT = float((TARGET * CHANCES).sum(axis=1).mean())


def logged(rounds: int, seed: int, shift: float = 0.0) -> Log:
    random = np.random.default_rng(seed)
    behaviour = np.full((STATES, GENRES), 1 / GENRES)
    contexts = random.integers(STATES, size=rounds)
    actions = random.integers(GENRES, size=rounds)
    rewards = (random.random(rounds) < CHANCES[contexts, actions]).astype(float) + shift
    return Log(contexts, actions, rewards, behaviour[contexts, actions])


def estimates(log: Log) -> dict[str, Estimate]:
    model = fitted_model(log, TARGET.shape)
    return {"ips": ips(log, TARGET), "snips": snips(log, TARGET), "dr": doubly_robust(log, TARGET, model)}


def test_every_estimator_is_near_the_exact_value() -> None:
    for name, found in estimates(logged(40_000, 1)).items():
        assert abs(found.value - EXACT) < 2 * found.half_width < 0.05, name


def test_intervals_hold_what_they_promise() -> None:
    """95 % of 95 % intervals, within the spread of 200 logs."""
    inside = dict.fromkeys(("ips", "snips"), 0)
    for seed in range(200):
        found = estimates(logged(2_000, seed))
        for name in inside:
            inside[name] += abs(found[name].value - EXACT) <= found[name].half_width
    assert all(180 <= count <= 199 for count in inside.values()), inside


def test_a_good_model_narrows_and_a_bad_one_does_not_bias() -> None:
    log = logged(20_000, 2)
    good, bad = doubly_robust(log, TARGET, CHANCES), doubly_robust(log, TARGET, np.zeros_like(CHANCES))
    assert good.half_width < 0.8 * ips(log, TARGET).half_width
    assert bad == ips(log, TARGET)


def test_only_self_normalised_scores_ignore_a_constant() -> None:
    plain, shifted = estimates(logged(5_000, 3)), estimates(logged(5_000, 3, shift=10.0))
    assert shifted["snips"].value - 10 == pytest.approx(plain["snips"].value)
    assert abs(shifted["ips"].value - 10 - plain["ips"].value) > 0.01


@pytest.mark.parametrize("broken", [{"chances": np.zeros(3)}, {"chances": np.full(3, 1.5)}, {"rewards": np.zeros(2)}])
def test_a_log_without_chances_is_refused(broken: dict[str, Any]) -> None:
    fields = {"contexts": np.zeros(3, dtype=int), "actions": np.zeros(3, dtype=int), "rewards": np.zeros(3), "chances": np.full(3, 0.5)}
    with pytest.raises(SettingsError):
        Log(**fields | broken)
