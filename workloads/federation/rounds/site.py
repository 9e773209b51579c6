"""What a client keeps between rounds and restarts: its privacy ledger, its last update, its control variate.

Rule 1: record-level noise is drawn once a round. If the round is repeated, the client sends the kept update again: a second draw would be a
second release.
Rule 2: the round's epsilon is paid under an id with the digest of the model. A server that sends another model under the number of an old
round gets a new training, and it is charged.
Rule 3: a round that was paid and followed by another is over. Its update is gone, and training it again under the paid id would be free.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from workloads.federation.errors import StateError, UpdateError
from workloads.federation.models.network import Vector
from workloads.federation.privacy.ledger import Ledger
from workloads.federation.privacy.mechanisms.discrete_gaussian import RandomBytes
from workloads.federation.rounds.messages import Train
from workloads.federation.rounds.state_file import read_state, write_state
from workloads.federation.rounds.terms import Terms
from workloads.federation.tasks.task import Records, Task
from workloads.federation.training.plain import Correction, steps, train
from workloads.federation.training.private import train_privately


@dataclass(frozen=True, slots=True)
class Update:
    """An update that may leave the client.

    Attributes:
        values: change of the parameters, and the scaled change of the control variate behind it.
        noise: client-level noise in steps of the quantisation; empty without.
        repeated: whether it was kept from an earlier attempt.
    """

    values: Vector
    noise: Vector
    repeated: bool


class Site:
    """A client's records and its durable state.

    Args:
        folder: for the state; made if it is missing.
        name: of the client.
        terms: of the federation.
        task: what is learned.
        records: the client's own.
        random_bytes: source of noise.

    Raises:
        StateError, LedgerError: the state cannot be read, or belongs to other terms.
        PrivacyError: no noise keeps the budget.
    """

    def __init__(
        self, folder: Path, name: str, terms: Terms, task: Task, records: Records, *, random_bytes: RandomBytes = os.urandom
    ) -> None:
        self.name, self.terms, self.records = name, terms, records
        self._task, self._random_bytes = task, random_bytes
        self._file = folder / "update.state"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(f"the state of client {name!r} cannot be kept in {folder}: {error.strerror}") from error
        self._plan = terms.site_plan(len(records))
        self.ledger: Ledger | None = None
        if self._plan is not None:
            budget, accountant = terms.definition.privacy.epsilon, terms.accountant
            trained = self._file.exists()
            self.ledger = Ledger.begin(folder / "ledger.json", terms.statement, budget=budget, accountant=accountant, spent_before=trained)

    @property
    def epsilon(self) -> float:
        """Record-level epsilon spent so far."""
        return self.ledger.spent.epsilon if self.ledger else 0.0

    def update(self, run: str, number: int, message: Train) -> Update:
        """Train for a round, or return the update that was trained before.

        Raises:
            BudgetExhaustedError: the budget does not cover another round; nothing was trained.
            UpdateError: the round is over at this client.
            LedgerError, StateError: what was spent or trained cannot be written down; nothing may be sent.
        """
        round_id = f"{run}/{number}/{sha256(message.parameters.tobytes() + message.control.tobytes()).hexdigest()[:16]}"
        kept = read_state(self._file)
        if kept is not None and kept[0].get("round") == round_id:
            return Update(kept[1]["values"], kept[1]["noise"], repeated=True)
        control = kept[1]["control"] if kept is not None else np.zeros(0)
        if self._plan is not None and self.ledger is not None:
            if round_id in {entry.release_id for entry in self.ledger.entries[:-1]}:
                raise UpdateError(f"client {self.name!r} has finished round {number} of this model; it is not trained again")
            self.ledger.spend(round_id, self._plan.release, self._plan.steps)
        values, control = self._train(number, message, control if len(control) else np.zeros_like(message.control))
        noise = self.terms.client_noise
        drawn = noise.draw(self._random_bytes).astype(np.float64) if noise else np.zeros(0)
        write_state(self._file, {"round": round_id}, {"values": values, "noise": drawn, "control": control})
        return Update(values, drawn, repeated=False)

    def _train(self, number: int, message: Train, control: Vector) -> tuple[Vector, Vector]:
        """Return the update and this client's next control variate."""
        definition, start = self.terms.definition, message.parameters
        proximal = definition.strategy.proximal if definition.strategy.name == "fedprox" else 0.0
        correction = Correction(proximal, message.control - control if len(message.control) else None)
        if self._plan is not None:
            end = train_privately(self._task.model, start, self.records, self._plan, correction=correction, random_bytes=self._random_bytes)
        else:
            place = self.terms.roster.names.index(self.name)
            random = np.random.default_rng([definition.seed, number, place])
            end = train(self._task.model, start, self.records, definition.local, correction=correction, random=random)
        moved = end - start
        if not len(message.control):
            return self.terms.clipped(moved), control
        taken = steps(len(self.records), definition.local) * definition.local.rate
        after = control - message.control - moved / taken  # SCAFFOLD's option II
        return self.terms.clipped(np.concatenate([moved, (after - control) * self.terms.control_scale])), after
