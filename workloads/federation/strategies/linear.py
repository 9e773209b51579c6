"""Strategies that need only the weighted mean of the updates.

FedAvg: McMahan and others 2017, algorithm 1; with server momentum: Hsu, Qi and Brown 2019. FedProx differs at the client only.
SCAFFOLD: Karimireddy and others 2020, algorithm 1, option II for the clients' control variates.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from workloads.federation.models.network import Matrix, Vector
from workloads.federation.strategies.strategy import State, weighted_mean


@dataclass(frozen=True, slots=True)
class FedAvg:
    """A step along the mean update."""

    server_rate: float = 1.0
    momentum: float = 0.0
    controls = False

    def begin(self, parameters: Vector) -> State:
        """See :class:`~workloads.federation.strategies.strategy.Strategy`."""
        return State(parameters, np.zeros(0), np.zeros_like(parameters), np.zeros(0))

    def combine(self, updates: Matrix, weights: Vector) -> Vector:
        """Return the weighted mean."""
        return weighted_mean(updates, weights)

    def step(self, state: State, update: Vector, share: float) -> State:  # noqa: ARG002  # the interface's
        """Move the parameters."""
        velocity = self.momentum * state.first_moment + update
        return replace(state, parameters=state.parameters + self.server_rate * velocity, first_moment=velocity)


@dataclass(frozen=True, slots=True)
class Scaffold:
    """FedAvg that also keeps the mean of the clients' control variates, which corrects their drift."""

    server_rate: float = 1.0
    momentum: float = 0.0
    controls = True

    def begin(self, parameters: Vector) -> State:
        """See :class:`~workloads.federation.strategies.strategy.Strategy`."""
        return replace(self._moves.begin(parameters), control=np.zeros_like(parameters))

    def combine(self, updates: Matrix, weights: Vector) -> Vector:
        """Return the weighted mean."""
        return weighted_mean(updates, weights)

    def step(self, state: State, update: Vector, share: float) -> State:
        """Move the parameters, and the control variate by the share of the clients that took part."""
        moved, controlled = np.split(update, 2)
        return replace(self._moves.step(state, moved, share), control=state.control + share * controlled)

    @property
    def _moves(self) -> FedAvg:
        return FedAvg(self.server_rate, self.momentum)
