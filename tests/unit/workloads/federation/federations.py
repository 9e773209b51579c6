"""Small federations in one process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from foundation.tracing.spans import Span
from workloads.federation.definition import Definition, Local, Privacy
from workloads.federation.models.network import Network
from workloads.federation.rounds.coordinator import Coordinator
from workloads.federation.rounds.in_process import Wire, run
from workloads.federation.rounds.participant import Participant
from workloads.federation.rounds.roster import Member, Roster
from workloads.federation.rounds.site import Site
from workloads.federation.rounds.store import Store
from workloads.federation.rounds.terms import Terms
from workloads.federation.tasks.partitions import spread
from workloads.federation.tasks.task import Task, split

NOT_PRIVATE = Privacy(unit="none")


@cache
def small_task() -> Task:
    """Three classes around three corners, 12 parameters."""
    random = np.random.default_rng(3)
    y = np.repeat(np.arange(3), 60)
    x = random.standard_normal((180, 3)) * 0.6 + 2 * np.eye(3)[y]
    return Task("digits", Network((3, 3)), *split(x, y, 0))


@cache
def signing_key(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b"."))


def member(name: str, records: int) -> Member:
    key = signing_key(name).public_key().public_bytes_raw().hex()
    return Member(key=key, records=records, consent=sha256(name.encode()).hexdigest(), residency="local")


def definition(**settings: Any) -> Definition:
    return Definition(**{"rounds": 3, "privacy": NOT_PRIVATE, "local": Local(epochs=1, batch=16, rate=0.5), **settings})


def seeded_bytes(*seed: int) -> Callable[[int], bytes]:
    return np.random.default_rng(seed).bytes


@dataclass
class Federation:
    """A server and its clients below one folder; ``start`` makes a server from what is on the disk."""

    folder: Path
    definition: Definition
    clients: int = 3
    without: tuple[str, ...] = ()
    task: Task = field(default_factory=small_task)
    spans: list[Span] = field(default_factory=list)

    def __post_init__(self) -> None:
        parts = spread(self.task.training.y, self.clients, self.definition.partition, self.definition.seed)
        self.records = {f"c{index}": self.task.training.of(rows) for index, rows in enumerate(parts)}
        for name in self.without:
            del self.records[name]
        roster = Roster({name: member(name, len(records)) for name, records in self.records.items()})
        self.terms = Terms(self.definition, roster, self.task.model.length)
        self.participants = [self.participant(name) for name in self.records]
        self.coordinator = self.start()

    def participant(self, name: str) -> Participant:
        """Make a client, with seeded noise and a clock that stands still."""
        noise = seeded_bytes(self.definition.seed, int(name[1:]))
        site = Site(self.folder / name, name, self.terms, self.task, self.records[name], random_bytes=noise)
        return Participant(site, signing_key(name), clock=lambda: 0.0, on_span=self.spans.append)

    def start(self) -> Coordinator:
        store = Store(self.folder / "server", self.terms, self.task.model.initial(self.definition.seed))
        self.coordinator = Coordinator(self.terms, self.task, store, 0.0, self.spans.append)
        return self.coordinator

    def run(self, wire: Wire = lambda _message: True) -> Coordinator:
        run(self.coordinator, self.participants, wire=wire)
        return self.coordinator
