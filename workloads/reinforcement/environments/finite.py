"""A finite Markov decision process, and the Gymnasium environment that plays it.

Transitions have the form of Gymnasium's toy environments: for each state and action a list of (probability, next state, reward, ended).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

Outcome = tuple[float, int, float, bool]
Transitions = Sequence[Sequence[Sequence[Outcome]]]


@dataclass(frozen=True)
class FiniteProcess:
    """A process with known transitions.

    ``start`` is the distribution of the first state, shape (states,); ``horizon`` the steps after which an episode is cut; ``discount``
    that by which it is judged (1: the plain sum of rewards). Every state has as many actions.
    """

    transitions: Transitions
    start: np.ndarray[Any, np.dtype[np.float64]]
    horizon: int
    discount: float = 1.0

    @property
    def states(self) -> int:
        """How many there are."""
        return len(self.transitions)

    @property
    def actions(self) -> int:
        """How many each state has."""
        return len(self.transitions[0])


class FiniteEnvironment(gymnasium.Env[int, int]):  # type: ignore[misc]  # mypy does not follow gymnasium
    """Plays a :class:`FiniteProcess`; observations are state numbers."""

    def __init__(self, process: FiniteProcess) -> None:
        self.process = process
        self.observation_space = gymnasium.spaces.Discrete(process.states)
        self.action_space = gymnasium.spaces.Discrete(process.actions)
        self._state = self._steps = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Begin an episode in a state drawn from ``start``."""
        super().reset(seed=seed, options=options)
        self._state, self._steps = int(self.np_random.choice(self.process.states, p=self.process.start)), 0
        return self._state, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Take one of the outcomes of ``action`` by its probability."""
        outcomes = self.process.transitions[self._state][action]
        drawn, index = self.np_random.random(), 0
        while index < len(outcomes) - 1 and drawn >= outcomes[index][0]:
            drawn -= outcomes[index][0]
            index += 1
        _, self._state, reward, ended = outcomes[index]
        self._steps += 1
        return self._state, reward, ended, self._steps >= self.process.horizon, {}
