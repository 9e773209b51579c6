"""A round of secure aggregation with all its sides in one process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from workloads.federation.secure_aggregation.client import Client
from workloads.federation.secure_aggregation.masks import Words
from workloads.federation.secure_aggregation.server import Server, Sum
from workloads.federation.secure_aggregation.session import Session


@cache
def signing_key(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b"."))


def session_of(count: int, threshold: int, length: int = 5, *, number: int = 1) -> Session:
    roster = {f"c{index}": signing_key(f"c{index}").public_key().public_bytes_raw() for index in range(count)}
    return Session("run", number, roster, threshold, length)


@dataclass
class Sides:
    """Server and clients; each method is one step, from which ``without`` drops out."""

    session: Session

    def __post_init__(self) -> None:
        self.server = Server(self.session)
        self.clients = {name: Client(self.session, name, signing_key(name)) for name in self.session.roster}

    def advertise(self, without: Iterable[str] = ()) -> None:
        for client in self._present(without):
            self.server.receive(client.advertise())

    def share(self, without: Iterable[str] = ()) -> None:
        advertisements = self.server.advertisements()
        for client in self._present(without):
            self.server.receive(client.share(advertisements))

    def mask(self, updates: Mapping[str, Words], without: Iterable[str] = ()) -> None:
        sealed = self.server.sealed_shares()
        for client in self._present(without):
            self.server.receive(client.mask(sealed[client.name], updates[client.name]))

    def consent(self, without: Iterable[str] = ()) -> None:
        survivors = self.server.survivors()
        for client in self._present(without):
            self.server.receive(client.consent(survivors))

    def unmask(self, without: Iterable[str] = ()) -> Sum:
        consents = self.server.consents()
        for client in self._present(without):
            self.server.receive(client.unmask(consents))
        return self.server.sum()

    def _present(self, without: Iterable[str]) -> list[Client]:
        for name in without:
            del self.clients[name]
        return list(self.clients.values())


def updates_of(session: Session, seed: int = 0) -> dict[str, Words]:
    random = np.random.default_rng(seed)
    return {name: random.integers(0, 2**32, session.length, dtype=np.uint32) for name in session.roster}
