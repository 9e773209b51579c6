"""What exploration costs at most, stated before it begins.

With the share e a genre is drawn uniformly instead of chosen. By the performance difference lemma (Kakade and Langford 2002, lemma 6.1) the
policy then loses, of its discounted value,

    V(pi) - V(pi_e) = e / (1 - gamma) * E_{s ~ d(pi_e)} [V_pi(s) - mean over a of Q_pi(s, a)]
                   <= e / (1 - gamma) * max over s of [V_pi(s) - mean over a of Q_pi(s, a)],

and the right side needs only the values of the policy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workloads.reinforcement.environments.finite import FiniteProcess
from workloads.reinforcement.evaluation.exact import Solver

Actions = np.ndarray[Any, np.dtype[np.int64]]
_SWEEPS = 2000


def loss_bound(process: FiniteProcess, actions: Actions, share: float) -> float:
    """Return the most that exploring with ``share`` (0 to 1) can cost of the discounted value without a horizon."""
    solver, values = Solver(process), np.zeros(process.states)
    for _ in range(_SWEEPS):
        values = solver.action_values(values)[np.arange(process.states), actions]
    gaps = values - solver.action_values(values).mean(axis=1)
    return float(share / (1 - process.discount) * max(gaps.max(), 0.0))


def exploring(actions: Actions, genres: int, share: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the probabilities (states, genres) of the policy that explores."""
    return (1 - share) * np.eye(genres)[actions] + share / genres
