"""RLHF in small: exact divergences, a reward model that generalises, and what the penalty prevents."""

from __future__ import annotations

import math

import pytest
import torch

from workloads.reinforcement.errors import DivergedError
from workloads.reinforcement.preferences.best_of_n import best_of, divergence_of_best
from workloads.reinforcement.preferences.experiment import Feedback, run
from workloads.reinforcement.preferences.language import divergence, gold_reward, log_chances, reference, sample
from workloads.reinforcement.preferences.tuning import Point, TuningSettings, tune


def test_the_divergence_is_the_expected_log_ratio() -> None:
    one, other = reference(1), reference(2)
    drawn = sample(one, 20_000, torch.Generator().manual_seed(0))
    ratios = (log_chances(one, drawn) - log_chances(other, drawn)).sum(dim=1)
    assert divergence(one, other) == pytest.approx(ratios.mean().item(), abs=4 * ratios.std().item() / math.sqrt(len(drawn)))
    assert divergence(one, one) == 0


def test_the_divergence_of_the_best_of_sixteen() -> None:
    assert divergence_of_best(16) == pytest.approx(1.835, abs=5e-4)
    assert divergence_of_best(1) == 0


def test_a_token_too_often_spoils_a_sentence() -> None:
    fine, spoilt = gold_reward(torch.tensor([[0] * 4 + [1] * 4, [0] * 8]))
    assert fine.item() == pytest.approx(6.4)
    assert spoilt.item() == pytest.approx(8 - 16)


def test_the_best_of_many_are_better_by_the_score_that_chose_them() -> None:
    generator = torch.Generator().manual_seed(3)
    one, sixteen = (gold_reward(best_of(reference(0), gold_reward, n, 400, generator)).mean() for n in (1, 16))
    assert sixteen > one + 1


def test_gold_rises_within_the_bound_and_falls_without_a_penalty() -> None:
    """On a seed that nothing was set on."""
    came = run(8192, 8.0, 23, lambda _line: None)
    assert came.accuracy >= 0.95
    assert came.kept[-1].gold > came.kept[0].gold + 2
    assert all(point.kl <= 8 for point in came.kept)
    free = came.runs[0.0]
    assert free[-1].proxy > came.kept[-1].proxy
    assert free[-1].gold < came.kept[-1].gold - 3
    assert max(point.gold for point in free) > free[-1].gold + 2


def test_the_model_s_reward_is_shown_in_the_unit_of_gold() -> None:
    best = {1: Point(1, 0.0, proxy=10.0, gold=0.5), 4: Point(4, 0.6, proxy=30.0, gold=2.5)}
    free = [Point(0, 0.0, proxy=11.0, gold=0.4), Point(1, 2.0, proxy=31.0, gold=-1.0)]
    assert Feedback(1.0, 8, {0.0: free}, best).exploited_in_gold == [(0.0, 0.4), (2.0, pytest.approx(2.4))]


def test_a_reward_that_is_not_finite_stops_the_run() -> None:
    with pytest.raises(DivergedError, match="step 1: the loss is nan"):
        tune(reference(0), lambda sentences: torch.full((len(sentences),), math.nan), TuningSettings(updates=2, sentences=8))
