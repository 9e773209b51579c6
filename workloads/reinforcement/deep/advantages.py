"""Generalised advantage estimation (Schulman et al. 2016): A_t = sum over k of (discount * smoothing)^k delta_{t+k}."""

from __future__ import annotations

from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float32]]


def advantages(rewards: Floats, values: Floats, following: Floats, over: Floats, *, discount: float, smoothing: float) -> Floats:
    """Return advantages, shape (steps, environments).

    Args:
        rewards: of each step.
        values: of the states before each step.
        following: of the states after each step; 0 where the episode has ended, the value of the last state where it was cut.
        over: 1 where the episode was over after the step, else 0: nothing flows back over it.
        discount: of rewards, gamma.
        smoothing: lambda; 0 gives one-step errors, 1 whole returns.
    """
    errors = rewards + discount * following - values
    result, running = np.zeros_like(errors), np.zeros(errors.shape[1:], dtype=errors.dtype)
    for step in range(len(errors) - 1, -1, -1):
        running = errors[step] + discount * smoothing * (1 - over[step]) * running
        result[step] = running
    return result
