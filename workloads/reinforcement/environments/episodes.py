"""One environment played episode after episode, such that a checkpoint can put it back in the middle of one.

Rule 1: an episode depends only on its seed, drawn from (run's seed, number of the environment, number of the episode), and on the actions
taken. A checkpoint keeps these, and restoring plays them again: no environment has to know how to save itself.
Rule 2: an observation or a reward that is not finite ends the run where it happens, before it has reached the learner's parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from workloads.reinforcement.errors import EnvironmentFailedError


@dataclass(frozen=True)
class Step:
    """What an action led to: ``observation`` is the last of its episode if ``over``, and ``terminated`` tells an end from a cut."""

    observation: Any
    reward: float
    terminated: bool
    over: bool


class Episodes:
    """Episodes of the environment that ``make`` returns, seeded by ``seed`` and ``number``."""

    def __init__(self, make: Callable[[], gymnasium.Env[Any, Any]], seed: int, number: int = 0) -> None:
        self._environment, self._seed, self._number = make(), seed, number
        self.observation_space, self.action_space = self._environment.observation_space, self._environment.action_space
        self.episode, self.total, self._actions = -1, 0.0, list[int]()
        self.observation = self._begin()

    def step(self, action: int) -> Step:
        """Take ``action``; if the episode is over, the next one has begun and :attr:`observation` is its first.

        Raises:
            EnvironmentFailedError: it failed, or what came back is not finite; here or when an episode begins.
        """
        with self._failing():
            observation, reward, terminated, truncated, _ = self._environment.step(action)
        self._actions.append(action)
        reward = float(reward)
        self._check(observation, reward)
        self.total += reward
        over = terminated or truncated
        step = Step(observation, reward, bool(terminated), bool(over))
        self.observation = observation
        return step

    def next_episode(self) -> float:
        """Begin the next episode and return the total reward of the one that ends."""
        total = self.total
        self.observation = self._begin()
        return total

    def state(self) -> dict[str, Any]:
        """Return what :meth:`restore` needs, as JSON values."""
        return {"episode": self.episode, "actions": [int(action) for action in self._actions]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to the state of an earlier run with the same seed, by playing its episode again."""
        self.episode = state["episode"] - 1
        self.observation = self._begin()
        for action in state["actions"]:
            self.step(action)

    def _begin(self) -> Any:
        self.episode += 1
        self.total = 0.0
        self._actions.clear()
        drawn = np.random.SeedSequence((self._seed, self._number, self.episode)).generate_state(1)
        with self._failing():
            observation = self._environment.reset(seed=int(drawn[0]))[0]
        self._check(observation, 0.0)
        return observation

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Whatever somebody else's environment raises, the run ends with one sentence about it."""
        try:
            yield
        except Exception as error:
            raised = f"{type(error).__name__}: {error}"
            raise EnvironmentFailedError(f"{self._place()}: the environment raised {raised}; mend the environment") from error

    def _place(self) -> str:
        return f"episode {self.episode}, step {len(self._actions)}"

    def _check(self, observation: Any, reward: float) -> None:
        if not math.isfinite(reward) or not np.isfinite(observation).all():
            raise EnvironmentFailedError(
                f"{self._place()}: the environment returned {observation} with reward {reward}; "
                "no parameter has seen it; mend the environment"
            )
