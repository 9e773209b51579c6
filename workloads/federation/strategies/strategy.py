"""The interface of strategies.

A strategy sees updates as rows of a matrix: the change of the parameters and, for SCAFFOLD, the change of the control variate behind it.
It never sees clients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from workloads.federation.definition import Strategy as Settings
from workloads.federation.models.network import Matrix, Vector


@dataclass(frozen=True, slots=True)
class State:
    """What a run keeps between rounds.

    Attributes:
        parameters: the model.
        control: control variate; empty without SCAFFOLD.
        first_moment: mean of past updates; zeros at the beginning.
        second_moment: mean of their squares; empty without FedAdam.
    """

    parameters: Vector
    control: Vector
    first_moment: Vector
    second_moment: Vector


class Strategy(Protocol):
    """One way to aggregate."""

    @property
    def controls(self) -> bool:
        """Whether an update has a second part, as long as the first: the change of the control variate."""

    def begin(self, parameters: Vector) -> State:
        """Return the state of a run before its first round."""

    def combine(self, updates: Matrix, weights: Vector) -> Vector:
        """Return one update from those of the clients.

        Args:
            updates: clients x entries.
            weights: of the clients; positive, of any sum.

        Raises:
            UpdateError: there are too few for this strategy.
        """

    def step(self, state: State, update: Vector, share: float) -> State:
        """Return the next state.

        Args:
            state: the present one; it is not changed.
            update: from :meth:`combine`, or the weighted mean that secure aggregation gives.
            share: share of all clients whose updates it has.
        """


def weighted_mean(updates: Matrix, weights: Vector) -> Vector:
    """Return the mean of the rows."""
    return np.asarray(weights @ updates / weights.sum())


def strategy_for(settings: Settings) -> Strategy:
    """Return the strategy that the definition names."""
    from workloads.federation.strategies.adaptive import FedAdam
    from workloads.federation.strategies.linear import FedAvg, Scaffold
    from workloads.federation.strategies.robust import Krum, TrimmedMean

    match settings.name:
        case "fedavg" | "fedprox":  # they differ at the client only
            return FedAvg(settings.server_rate, settings.momentum)
        case "scaffold":
            return Scaffold(settings.server_rate, settings.momentum)
        case "fedadam":
            return FedAdam(settings.server_rate)
        case "trimmed-mean":
            return TrimmedMean(settings.server_rate, settings.malicious)
        case "krum":
            return Krum(settings.server_rate, settings.malicious)
