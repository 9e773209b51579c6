"""Stochastic gradient descent on a client's records, with the corrections that some strategies need.

FedProx adds ``mu (w - w0)`` to the gradient (Li and others 2020, equation 2). SCAFFOLD adds ``c - c_i`` (Karimireddy and others 2020,
algorithm 1). Both are additive, so one loop serves all strategies, private or not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from workloads.federation.definition import Local
from workloads.federation.models.network import Network, Vector
from workloads.federation.tasks.task import Records


@dataclass(frozen=True, slots=True)
class Correction:
    """What is added to each gradient.

    Attributes:
        proximal: weight of the distance to the first parameters.
        drift: a constant vector, ``c - c_i``; None: nothing.
    """

    proximal: float = 0.0
    drift: Vector | None = None

    def add(self, gradient: Vector, parameters: Vector, start: Vector) -> None:
        """Add it in place."""
        if self.proximal:
            gradient += self.proximal * (parameters - start)
        if self.drift is not None:
            gradient += self.drift


#: Called with the parameters; returns the gradient of the next step.
Gradient: TypeAlias = Callable[[Vector], Vector]


def train(model: Network, start: Vector, records: Records, local: Local, *, correction: Correction, random: np.random.Generator) -> Vector:
    """Return the parameters after ``local.epochs`` passes over the records in batches of a shuffled order."""
    parameters = start.copy()
    for _ in range(local.epochs):
        order = random.permutation(len(records))
        for first in range(0, len(records), local.batch):
            rows = order[first : first + local.batch]
            gradient = model.gradient(parameters, records.x[rows], records.y[rows])
            correction.add(gradient, parameters, start)
            parameters -= local.rate * gradient
    return parameters


def steps(records: int, local: Local) -> int:
    """Return how many steps :func:`train` takes."""
    return local.epochs * -(-records // local.batch)
