"""How well a policy plays: the mean return of whole episodes; and which of the policies on the way was best.

Rule: the best is chosen on one set of episodes and scored on another. The score it was chosen by is too good by chance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import gymnasium
import numpy as np

from workloads.reinforcement.deep.network import Parameters, copied
from workloads.reinforcement.environments.episodes import Episodes

Policy = Callable[[np.ndarray[Any, np.dtype[np.float32]]], np.ndarray[Any, np.dtype[np.int64]]]
"""Actions for observations (episodes, ...)."""
CHOOSING: Final = 1_000_003
"""Added to a run's seed for the episodes that choose the best policy; those that score it have another offset."""
SCORING: Final = 2_000_003


def returns(make: Callable[[], gymnasium.Env[Any, Any]], policy: Policy, episodes: int, seed: int) -> list[float]:
    """Return the total reward of each of ``episodes`` episodes, played side by side."""
    playing = [Episodes(make, seed, number) for number in range(episodes)]
    total = [0.0] * episodes
    running = list(range(episodes))
    while running:
        actions = policy(np.array([playing[number].observation for number in running], dtype=np.float32))
        over = {number for number, action in zip(running, actions, strict=True) if playing[number].step(int(action)).over}
        for number in over:
            total[number] = playing[number].total
        running = [number for number in running if number not in over]
    return total


class Best:
    """The parameters with the best mean return so far."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters, self.mean = copied(parameters), float("-inf")

    def offer(self, parameters: Parameters, mean: float) -> None:
        """Keep ``parameters`` if they are at least as good: later ones have learned longer."""
        if mean >= self.mean:
            self.parameters, self.mean = copied(parameters), mean
