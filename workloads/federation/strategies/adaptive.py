"""FedAdam: the mean update is the gradient of a server that uses Adam (Reddi and others 2021, algorithm 2), without bias correction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from workloads.federation.models.network import Matrix, Vector
from workloads.federation.strategies.strategy import State, weighted_mean

_FIRST: Final = 0.9
_SECOND: Final = 0.99
_ADAPTIVITY: Final = 1e-3


@dataclass(frozen=True, slots=True)
class FedAdam:
    """Steps scaled by the past size of each parameter's updates."""

    server_rate: float
    controls = False

    def begin(self, parameters: Vector) -> State:
        """See :class:`~workloads.federation.strategies.strategy.Strategy`."""
        return State(parameters, np.zeros(0), np.zeros_like(parameters), np.zeros_like(parameters))

    def combine(self, updates: Matrix, weights: Vector) -> Vector:
        """Return the weighted mean."""
        return weighted_mean(updates, weights)

    def step(self, state: State, update: Vector, share: float) -> State:  # noqa: ARG002  # the interface's
        """Move the parameters."""
        first = _FIRST * state.first_moment + (1 - _FIRST) * update
        second = _SECOND * state.second_moment + (1 - _SECOND) * update**2
        moved = state.parameters + self.server_rate * first / (np.sqrt(second) + _ADAPTIVITY)
        return replace(state, parameters=moved, first_moment=first, second_moment=second)
