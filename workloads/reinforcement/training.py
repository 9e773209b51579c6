"""One seed of a training, from its name to its score.

A finite environment's policy is scored exactly; another's by 100 episodes that it was neither trained nor chosen on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import gymnasium
import numpy as np

from workloads.reinforcement.course import Course
from workloads.reinforcement.deep import dqn, ppo
from workloads.reinforcement.deep.network import Parameters
from workloads.reinforcement.deep.playing import SCORING, returns
from workloads.reinforcement.environments.registry import make, process_of
from workloads.reinforcement.errors import SettingsError
from workloads.reinforcement.evaluation.exact import Solver
from workloads.reinforcement.tabular import q_learning

EPISODES: Final = 100
_OF_OPTIMUM: Final = 0.97

Make = Callable[[], gymnasium.Env[Any, Any]]


@dataclass(frozen=True)
class Trained:
    """A seed's score: ``exact``, or the mean of ``episodes``, which took ``judging_s``; ``arrays`` are the policy."""

    seed: int
    score: float
    episodes: int
    judging_s: float
    arrays: dict[str, np.ndarray[Any, np.dtype[Any]]]

    @property
    def exact(self) -> bool:
        """Whether the score was computed and not played."""
        return self.episodes == 0


def train(algorithm: str, environment: str, steps: int, seed: int, course: Course) -> Trained:
    """Train one seed; ``algorithm`` is ``q-learning``, ``dqn`` or ``ppo``.

    Raises:
        SettingsError: there is no such environment, or the algorithm cannot learn in it.
        DivergedError, EnvironmentFailedError, Stopped, CheckpointError: as in ``Course`` and ``Episodes``.
    """

    def new() -> gymnasium.Env[Any, Any]:
        return make(environment)

    if algorithm == "q-learning":
        process = process_of(environment)
        actions = q_learning.learn(new, q_learning.QSettings(steps=steps, seed=seed), course).argmax(axis=1)
        begun_s = time.monotonic()
        score = Solver(process).expected_return(actions)
        return Trained(seed, score, 0, time.monotonic() - begun_s, {"actions": actions})
    spaces = new()
    if not isinstance(spaces.observation_space, gymnasium.spaces.Box) or not isinstance(spaces.action_space, gymnasium.spaces.Discrete):
        raise SettingsError(
            f"{algorithm} needs observations of numbers and numbered actions; {environment!r} has {spaces.observation_space}"
        )
    if algorithm == "dqn":
        best = dqn.learn(new, dqn.DqnSettings(steps=steps, seed=seed, evaluate_every=min(1_000, steps)), course)
        return _played(new, dqn.greedy(best), best, seed)
    best = ppo.learn(new, ppo.PpoSettings(steps=steps, seed=seed), course)
    return _played(new, ppo.greedy(best), best, seed)


def _played(new: Make, policy: Callable[[Any], Any], parameters: Parameters, seed: int) -> Trained:
    begun_s = time.monotonic()
    score = float(np.mean(returns(new, policy, EPISODES, seed + SCORING)))
    return Trained(seed, score, EPISODES, time.monotonic() - begun_s, {name: value.numpy() for name, value in parameters.items()})


def solved_from(environment: str) -> float:
    """Return the score from which a seed counts as solved: 97 % of the optimum where it can be computed, else Gymnasium's threshold."""
    try:
        best = Solver(process_of(environment)).optimal_return()
    except SettingsError:
        spec = make(environment).spec
        if spec is None or spec.reward_threshold is None:
            raise SettingsError(f"environment {environment!r} has no threshold of its own; give one with --solved-from") from None
        return float(spec.reward_threshold)
    return best * _OF_OPTIMUM
