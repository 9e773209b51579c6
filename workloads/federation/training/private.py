"""DP-SGD: training that hides each record (Abadi and others 2016, algorithm 1).

Rule 1: each record takes part in a step on its own, with the same probability (Poisson sampling). The accountant assumes exactly this.
Rule 2: each record's gradient is clipped, and Gaussian noise is added to their sum. The divisor is the expected number of records: the
real number is a secret.
Rule 3: draws of records and noise come from the system's cryptographic generator. A seed that is known would undo both.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workloads.federation.definition import Local
from workloads.federation.models.network import Network, Vector
from workloads.federation.privacy.accounting.releases import GaussianRelease
from workloads.federation.privacy.mechanisms.discrete_gaussian import RandomBytes
from workloads.federation.privacy.mechanisms.gaussian import gaussian
from workloads.federation.tasks.task import Records
from workloads.federation.training.plain import Correction, steps

_WORD: Final = 2.0**64


@dataclass(frozen=True, slots=True)
class Plan:
    """The private training of one round at one client.

    Attributes:
        noise_multiplier: deviation of the noise of a step over ``clip_norm``.
        clip_norm: largest L2 norm of a record's gradient.
        sampling_rate: probability with which a record takes part in a step.
        steps: how many there are.
        batch: expected number of records of a step.
        rate: learning rate.
    """

    noise_multiplier: float
    clip_norm: float
    sampling_rate: float
    steps: int
    batch: float
    rate: float

    @classmethod
    def of(cls, records: int, local: Local, *, noise_multiplier: float, clip_norm: float) -> Plan:
        """Return as many steps as plain training takes, with batches of the same expected size."""
        rate = min(1.0, local.batch / records)
        return cls(noise_multiplier, clip_norm, rate, steps(records, local), rate * records, local.rate)

    @property
    def release(self) -> GaussianRelease:
        """The privacy cost of one step."""
        return GaussianRelease(self.noise_multiplier, self.sampling_rate)


def train_privately(
    model: Network, start: Vector, records: Records, plan: Plan, *, correction: Correction, random_bytes: RandomBytes = os.urandom
) -> Vector:
    """Return the parameters after the plan's steps. The caller has paid for them (``privacy.ledger``)."""
    parameters = start.copy()
    for _ in range(plan.steps):
        rows = _poisson(len(records), plan.sampling_rate, random_bytes)
        gradient = model.clipped_sum(parameters, records.x[rows], records.y[rows], plan.clip_norm)
        gradient += gaussian(model.length, plan.noise_multiplier * plan.clip_norm, random_bytes)
        gradient /= plan.batch
        correction.add(gradient, parameters, start)
        parameters -= plan.rate * gradient
    return parameters


def _poisson(count: int, rate: float, random_bytes: RandomBytes) -> NDArray[np.int64]:
    if rate >= 1:
        return np.arange(count)
    words = np.frombuffer(random_bytes(8 * count), np.uint64)
    return np.flatnonzero(words < np.uint64(rate * _WORD))
