"""Exact values by dynamic programming (Sutton and Barto 2018, chapter 4), with the horizon that cuts an episode.

Policies are arrays of actions by state, or of probabilities by state and action. A value is the expected return from the start
distribution, over at most ``horizon`` steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workloads.reinforcement.environments.finite import FiniteProcess

Floats = np.ndarray[Any, np.dtype[np.float64]]
Policy = np.ndarray[Any, np.dtype[Any]]


class Solver:
    """The transitions of ``process`` as flat arrays."""

    def __init__(self, process: FiniteProcess) -> None:
        self._process = process
        rows = [
            (state * process.actions + action, p, following, reward, not ended)
            for state, actions in enumerate(process.transitions)
            for action, outcomes in enumerate(actions)
            for p, following, reward, ended in outcomes
        ]
        pair, chance, following, reward, goes_on = zip(*rows, strict=True)
        self._pair, self._next = np.array(pair), np.array(following)
        self._chance, self._goes_on = np.array(chance), np.array(goes_on, dtype=float)
        self.rewards: Floats = self._by_pair(self._chance * np.array(reward))
        """Expected reward, shape (states, actions)."""

    def action_values(self, values: Floats) -> Floats:
        """Return the values of every state and action, given those of the next states: one Bellman backup."""
        return self.rewards + self._process.discount * self._by_pair(self._chance * self._goes_on * values[self._next])

    def optimal_return(self) -> float:
        """Return the best expected return of any policy; it may depend on the steps left."""
        values = np.zeros(self._process.states)
        for _ in range(self._process.horizon):
            values = self.action_values(values).max(axis=1)
        return float(self._process.start @ values)

    def optimal_policy(self, *, discount: float | None = None, sweeps: int = 10_000, tolerance: float = 1e-12) -> Policy:
        """Return the best stationary policy without a horizon, by value iteration; the lowest action of equals.

        Args:
            discount: default: the process's; below 1, or every episode must end.
            sweeps: at most.
            tolerance: largest change of a value at which to stop.
        """
        values = np.zeros(self._process.states)
        rate = self._process.discount if discount is None else discount
        for _ in range(sweeps):
            backed = self.rewards + rate * self._by_pair(self._chance * self._goes_on * values[self._next])
            change, values = np.abs(backed.max(axis=1) - values).max(), backed.max(axis=1)
            if change < tolerance:
                break
        best: Policy = (backed > backed.max(axis=1, keepdims=True) - 1e-9).argmax(axis=1)
        return best

    def expected_return(self, policy: Policy) -> float:
        """Return the expected return of ``policy``: (states,) actions, or (states, actions) probabilities."""
        shares = np.eye(self._process.actions)[policy] if policy.ndim == 1 else policy
        values = np.zeros(self._process.states)
        for _ in range(self._process.horizon):
            values = (shares * self.action_values(values)).sum(axis=1)
        return float(self._process.start @ values)

    def _by_pair(self, weights: Floats) -> Floats:
        shape = self._process.states, self._process.actions
        return np.bincount(self._pair, weights=weights, minlength=shape[0] * shape[1]).astype(np.float64).reshape(shape)
