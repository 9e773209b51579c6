"""Strategies for malicious clients: they compare single updates, so the server must see each.

Trimmed mean: Yin and others 2018. Krum: Blanchard and others 2017. Both ignore the clients' weights, which a malicious client would choose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workloads.federation.errors import UpdateError
from workloads.federation.models.network import Matrix, Vector
from workloads.federation.strategies.linear import FedAvg
from workloads.federation.strategies.strategy import State


@dataclass(frozen=True, slots=True)
class TrimmedMean:
    """The mean of each entry without its ``malicious`` lowest and highest values."""

    server_rate: float
    malicious: int
    controls = False

    def begin(self, parameters: Vector) -> State:
        """See :class:`~workloads.federation.strategies.strategy.Strategy`."""
        return FedAvg().begin(parameters)

    def combine(self, updates: Matrix, weights: Vector) -> Vector:  # noqa: ARG002  # the interface's
        """Return the trimmed mean."""
        cut = self.malicious
        if len(updates) <= 2 * cut:
            raise UpdateError(f"a trimmed mean against {cut} malicious clients needs more than {2 * cut} updates, not {len(updates)}")
        return np.asarray(np.sort(updates, axis=0)[cut : len(updates) - cut].mean(axis=0))

    def step(self, state: State, update: Vector, share: float) -> State:
        """Move the parameters."""
        return FedAvg(self.server_rate).step(state, update, share)


@dataclass(frozen=True, slots=True)
class Krum:
    """The one update that is nearest to its ``clients - malicious - 2`` nearest neighbours."""

    server_rate: float
    malicious: int
    controls = False

    def begin(self, parameters: Vector) -> State:
        """See :class:`~workloads.federation.strategies.strategy.Strategy`."""
        return FedAvg().begin(parameters)

    def combine(self, updates: Matrix, weights: Vector) -> Vector:  # noqa: ARG002  # the interface's
        """Return the chosen update."""
        neighbours = len(updates) - self.malicious - 2
        if neighbours < 1 or len(updates) <= 2 * self.malicious + 2:
            needed = 2 * self.malicious + 3
            raise UpdateError(f"Krum against {self.malicious} malicious clients needs at least {needed} updates, not {len(updates)}")
        squares = (updates**2).sum(axis=1)
        distances = np.maximum(squares[:, None] + squares - 2 * updates @ updates.T, 0)
        np.fill_diagonal(distances, np.inf)
        scores = np.sort(distances, axis=1)[:, :neighbours].sum(axis=1)
        return np.asarray(updates[scores.argmin()])

    def step(self, state: State, update: Vector, share: float) -> State:
        """Move the parameters."""
        return FedAvg(self.server_rate).step(state, update, share)
