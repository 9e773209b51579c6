"""Collects the updates of one attempt of a round: single ones, or their secure sum.

A collector goes through stages. It awaits one message of each client that is still in; the coordinator closes a stage when all have come,
or at its deadline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from workloads.federation.errors import ProtocolError, UpdateError
from workloads.federation.models.network import Vector
from workloads.federation.rounds.messages import ClientBody, Consents, PeerKeys, PeerShares, PlainUpdate, ServerBody, Survivors
from workloads.federation.rounds.terms import Terms
from workloads.federation.secure_aggregation.messages import Advertisement, Consent, MaskedUpdate, SealedShares, Unmasking
from workloads.federation.secure_aggregation.server import Phase, Server
from workloads.federation.secure_aggregation.session import Session
from workloads.federation.strategies.strategy import Strategy

#: A message for each of some clients.
Outgoing: TypeAlias = Mapping[str, ServerBody]


@dataclass(frozen=True, slots=True)
class Collected:
    """The result of an attempt: one update, and whose it is."""

    update: Vector
    contributors: tuple[str, ...]


class Collector(Protocol):
    """Collects one attempt."""

    @property
    def stage(self) -> str:
        """What is awaited, in a word."""

    @property
    def awaited(self) -> frozenset[str]:
        """Clients whose message of this stage is missing."""

    def receive(self, sender: str, body: ClientBody) -> None:
        """Take a message.

        Raises:
            ProtocolError, UpdateError: it is refused, without any effect; names the client.
        """

    def close(self) -> Outgoing | Collected:
        """Close the stage with what has come; return what goes out, or the result.

        Raises:
            ProtocolError, UpdateError: too little has come; the attempt is over.
        """


class PlainCollector:
    """Single updates, for strategies that compare them."""

    stage = "updates"

    def __init__(self, terms: Terms, strategy: Strategy, number: int, participants: tuple[str, ...]) -> None:
        self._terms, self._strategy, self._number = terms, strategy, number
        self._participants = frozenset(participants)
        self._updates: dict[str, Vector] = {}

    @property
    def awaited(self) -> frozenset[str]:
        """Clients whose update is missing."""
        return self._participants - self._updates.keys()

    def receive(self, sender: str, body: ClientBody) -> None:
        """Take an update; raises like :meth:`Collector.receive`."""
        if not isinstance(body, PlainUpdate):
            raise self._refusal(sender, f"a {type(body).__name__} does not belong to a round without secure aggregation")
        if sender not in self.awaited:
            raise self._refusal(sender, "its update came twice" if sender in self._participants else "it does not take part")
        if body.values.dtype != np.float64 or body.values.shape != (self._terms.length,):
            given = f"{body.values.dtype} of shape {body.values.shape}"
            raise self._refusal(sender, f"an update is {self._terms.length} numbers of type float64, not {given}")
        if not np.isfinite(body.values).all():
            raise self._refusal(sender, f"entry {int(np.flatnonzero(~np.isfinite(body.values))[0])} of its update is not a finite number")
        with np.errstate(over="ignore"):
            norm, most = float(np.linalg.norm(body.values)), self._terms.definition.update_norm
        if not norm <= most * (1 + 1e-9):
            raise self._refusal(sender, f"the norm of its update is {norm:.4g}; clients clip updates to {most:g} (`update_norm`)")
        enrolled = self._terms.roster.members[sender].records
        if body.records != enrolled:
            raise self._refusal(sender, f"it claims to have trained on {body.records} records and is enrolled with {enrolled}")
        self._updates[sender] = body.values

    def close(self) -> Collected:
        """Return the aggregate; raises like :meth:`Collector.close`."""
        names = tuple(sorted(self._updates))
        if len(names) < self._terms.quorum:
            raise ProtocolError(f"round {self._number}: {len(names)} updates came, fewer than the {self._terms.quorum} that are needed")
        weights = np.array([self._terms.roster.weight(name, self._terms.definition) for name in names])
        return Collected(self._strategy.combine(np.stack([self._updates[name] for name in names]), weights), names)

    def _refusal(self, sender: str, text: str) -> UpdateError:
        return UpdateError(f"round {self._number}, client {sender!r}: {text}")


class SecureCollector:
    """The secure sum.

    Attributes:
        survivors: whose updates the sum will have, sorted; empty until that is settled.
    """

    def __init__(self, terms: Terms, session: Session) -> None:
        self._terms = terms
        self.server = Server(session)
        self.survivors: tuple[str, ...] = ()

    @property
    def stage(self) -> str:
        """What is awaited."""
        return self.server.phase.name.lower()

    @property
    def awaited(self) -> frozenset[str]:
        """Clients whose message of this phase is missing."""
        return self.server.awaited

    def receive(self, sender: str, body: ClientBody) -> None:
        """Take a message; raises like :meth:`Collector.receive`."""
        if not isinstance(body, Advertisement | SealedShares | MaskedUpdate | Consent | Unmasking):
            number = self.server.session.number
            raise ProtocolError(f"round {number}, client {sender!r}: a {type(body).__name__} does not belong to secure aggregation")
        if body.sender != sender:
            number = self.server.session.number
            raise ProtocolError(f"round {number}, client {sender!r}: its {type(body).__name__} bears the name of client {body.sender!r}")
        self.server.receive(body)

    def close(self) -> Outgoing | Collected:
        """Close the phase; raises like :meth:`Collector.close`."""
        match self.server.phase:
            case Phase.ADVERTISEMENTS:
                keys = self.server.advertisements()
                return dict.fromkeys(keys, PeerKeys(keys))
            case Phase.SHARES:
                return {receiver: PeerShares(sealed) for receiver, sealed in self.server.sealed_shares().items()}
            case Phase.UPDATES:
                self.survivors = tuple(sorted(self.server.survivors()))
                return dict.fromkeys(self.survivors, Survivors(self.survivors))
            case Phase.CONSENTS:
                consents = self.server.consents()
                return dict.fromkeys(consents, Consents(consents))
        total = self.server.sum()
        weights = sum(self._terms.roster.weight(name, self._terms.definition) for name in total.contributors)
        return Collected(self._terms.quantisation.dequantise(total.words) / weights, tuple(sorted(total.contributors)))
