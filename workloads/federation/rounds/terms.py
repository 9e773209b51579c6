"""What server and clients work out from the definition and the roster alone, each for itself: nobody has to trust the other's numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from workloads.federation.definition import Definition
from workloads.federation.errors import DefinitionError
from workloads.federation.models.network import Vector
from workloads.federation.privacy.accounting.accountant import Accountant
from workloads.federation.privacy.accounting.calibration import noise_multiplier
from workloads.federation.privacy.accounting.exact import ExactAccountant
from workloads.federation.privacy.accounting.rdp import RdpAccountant
from workloads.federation.privacy.accounting.releases import Release
from workloads.federation.privacy.mechanisms.distributed import DistributedNoise
from workloads.federation.privacy.statement import Neighbours, Sampler, Statement, Unit
from workloads.federation.rounds.roster import Roster
from workloads.federation.secure_aggregation.quantisation import Quantisation
from workloads.federation.secure_aggregation.session import Session
from workloads.federation.strategies.strategy import strategy_for
from workloads.federation.training.plain import steps
from workloads.federation.training.private import Plan

#: Share of a budget that noise is calibrated to: the last release must not fail by a rounding error.
_WITHIN: Final = 1 - 1e-9


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of every round.

    Attributes:
        definition: of the federation.
        roster: of its clients.
        parameters: number of parameters of the model.

    Raises:
        DefinitionError: there are too few clients for a round, or the threshold does not fit them.
    """

    definition: Definition
    roster: Roster
    parameters: int

    def __post_init__(self) -> None:
        if problem := self.definition.problem(len(self.roster.members)):
            raise DefinitionError(problem)

    @property
    def length(self) -> int:
        """Entries of an update: the parameters, and the control variate where the strategy has one."""
        return self.parameters * (2 if strategy_for(self.definition.strategy).controls else 1)

    @property
    def control_scale(self) -> float:
        """Factor of the control part of an update, so that both parts are of one size and share one clipping."""
        return self.definition.local.rate * self.definition.local.epochs

    @property
    def most_participants(self) -> int:
        """Clients that are chosen for a round."""
        return self.definition.participants(len(self.roster.members))

    @property
    def quorum(self) -> int:
        """Clients without which there is no round."""
        return self.definition.quorum(len(self.roster.members))

    @property
    def threshold(self) -> int:
        """Clients that must stay to the end of a secure sum; 0 without secure aggregation."""
        return self.quorum if self.definition.secure_aggregation else 0

    def chosen(self, number: int) -> tuple[str, ...]:
        """Return the clients of a round, sorted: the same however often the round is repeated."""
        random = np.random.default_rng([self.definition.seed, number])
        return tuple(sorted(random.choice(self.roster.names, self.most_participants, replace=False).tolist()))

    def session(self, run: str, number: int, attempt: int, participants: tuple[str, ...]) -> Session:
        """Return the session of secure aggregation of an attempt. Raises ``ProtocolError`` like :class:`Session`."""
        return Session(f"{run}/{attempt}", number, self.roster.keys(participants), self.threshold, self.length)

    @property
    def quantisation(self) -> Quantisation:
        """How updates become integers. Raises ``UpdateError`` if so many clients do not fit."""
        noise = self.client_noise
        deviation = noise.total_deviation(self.most_participants) if noise else 0.0
        return Quantisation(self.definition.update_norm, self.length, self.most_participants, deviation)

    @property
    def client_noise(self) -> DistributedNoise | None:
        """Each client's part of the noise of a secure sum; None without client-level privacy."""
        privacy = self.definition.privacy
        if privacy.unit != "client":
            return None
        multiplier = privacy.noise_multiplier or noise_multiplier(
            self.accountant, self.statement, epsilon=privacy.epsilon * _WITHIN, releases=self.definition.rounds
        )
        sensitivity = Quantisation(self.definition.update_norm, self.length, self.most_participants).sensitivity_steps
        return DistributedNoise.for_multiplier(multiplier, sensitivity=sensitivity, length=self.length, honest=self.threshold)

    def site_plan(self, records: int) -> Plan | None:
        """Return the private training of one round at a client with so many records; None without record-level privacy."""
        privacy, local = self.definition.privacy, self.definition.local
        if privacy.unit != "record":
            return None
        releases, rate = self.definition.rounds * steps(records, local), min(1.0, local.batch / records)
        multiplier = privacy.noise_multiplier or _calibrated(privacy.accountant, self.statement, privacy.epsilon, releases, rate)
        return Plan.of(records, local, noise_multiplier=multiplier, clip_norm=privacy.clip_norm)

    @property
    def accountant(self) -> Accountant:
        """The accountant of the definition's unit. Raises ``PrivacyError`` if `dp-accounting` is needed and not installed."""
        privacy = self.definition.privacy
        if privacy.unit == "client" and privacy.accountant == "pld":
            return ExactAccountant()
        return _accountant(privacy.accountant)

    @property
    def sum_release(self) -> Release | None:
        """The privacy cost of a noisy sum; None without client-level privacy."""
        noise = self.client_noise
        return None if noise is None else noise.concentrated if self.definition.privacy.accountant == "rdp" else noise.gaussian

    def rdp_epsilon(self, paid: int) -> float:
        """Return an upper bound of epsilon after so many sums, or rounds at each client, by Rényi divergences: to compare accountants."""
        if (noise := self.client_noise) is not None:
            return RdpAccountant().epsilon({noise.concentrated: paid}, self.statement)
        plans = {plan for member in self.roster.members.values() if (plan := self.site_plan(member.records))}
        return max((RdpAccountant().epsilon({plan.release: paid * plan.steps}, self.statement) for plan in plans), default=0.0)

    @property
    def statement(self) -> Statement:
        """The terms of the guarantee."""
        unit = Unit.CLIENT if self.definition.privacy.unit == "client" else Unit.RECORD
        # Clients of a round are drawn from a known seed, so client-level privacy gains nothing from sampling.
        sampler = Sampler.ALL if unit is Unit.CLIENT else Sampler.POISSON
        return Statement(unit, Neighbours.ADD_OR_REMOVE_ONE, sampler, self.definition.privacy.delta)

    def clipped(self, update: Vector) -> Vector:
        """Return an update, scaled down to ``update_norm`` if it is longer."""
        norm = math.sqrt(float(update @ update))
        return update * (self.definition.update_norm / norm) if norm > self.definition.update_norm else update


def _accountant(name: str) -> Accountant:
    if name == "rdp":
        return RdpAccountant()
    from workloads.federation.privacy.accounting.pld import PldAccountant

    return PldAccountant()


@cache
def _calibrated(accountant: str, statement: Statement, epsilon: float, releases: int, rate: float) -> float:
    """Return the noise multiplier of a site; sites with as many records share it."""
    within = epsilon * _WITHIN
    return noise_multiplier(_accountant(accountant), statement, epsilon=within, releases=releases, sampling_rate=rate, tolerance=1e-3)
