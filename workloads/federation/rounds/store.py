"""What the server keeps: the state of the run, its privacy ledger and its audit log, in one folder.

Rule 1: the state is replaced as a whole. A round is done when the state with its model is on the disk, and not before.
Rule 2: the number of an attempt is on the disk before any client hears of it, so no two attempts share a session, whoever restarts.
Rule 3: state first, then audit: on opening, the audit log gets the entries that a killed server still owed it.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from workloads.federation.compliance.journal import Journal
from workloads.federation.errors import StateError
from workloads.federation.models.network import Vector
from workloads.federation.privacy.ledger import Ledger
from workloads.federation.rounds.state_file import read_state, write_state
from workloads.federation.rounds.terms import Terms
from workloads.federation.strategies.strategy import State, strategy_for
from workloads.federation.tracing import trace_id


@dataclass(frozen=True, slots=True)
class RoundRecord:
    """A round that is done.

    Attributes:
        number: from 1 on.
        attempts: how many it took.
        contributors: whose updates are in the model, sorted.
        accuracy: of the model after the round, on the test records.
        epsilon: spent so far; with record-level privacy the most that any contributor has spent.
        duration_s: from the first attempt to the new model.
        stages_ms: time of each stage of the last attempt.
        train_ms: time that each contributor has trained.
    """

    number: int
    attempts: int
    contributors: tuple[str, ...]
    accuracy: float
    epsilon: float
    duration_s: float
    stages_ms: dict[str, float]
    train_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        run: its identifier; drawn when it begins, and never used for another run.
        attempt: last attempt of the round after ``history``; 0 before the first.
        state: what the strategy keeps.
        history: the rounds that are done.
        stopped: why the run ended before its last round; empty while it goes on.
    """

    run: str
    attempt: int
    state: State
    history: tuple[RoundRecord, ...]
    stopped: str = ""


class Store:
    """The durable side of the server.

    Args:
        folder: made if it is missing.
        terms: of the federation.
        initial: parameters of a new run.

    Raises:
        StateError, LedgerError, AuditError: something cannot be read or written, was altered, or belongs to another definition.
    """

    def __init__(self, folder: Path, terms: Terms, initial: Vector) -> None:
        self._file, self._terms = folder / "run.state", terms
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(f"the state of the server cannot be kept in {folder}: {error.strerror}") from error
        found = read_state(self._file)
        if found is None:
            begun = strategy_for(terms.definition.strategy).begin(initial)
            self.progress = Progress(secrets.token_hex(8), 0, begun, ())
            self.save(self.progress)
        else:
            self.progress = _progress(*found)
            if found[0]["definition"] != terms.definition.digest.hex():
                raise StateError(f"{self._file} was begun with another definition: continue with that, or give the new one another folder")
            took_part = {name for each in self.progress.history for name in each.contributors}
            if gone := sorted(took_part - terms.roster.members.keys()):
                raise StateError(f"{self._file}: client {gone[0]!r} took part and is not in the roster any more; erase it first (`erase`)")
        self.journal = Journal(folder, self.progress.run)
        self.ledger = self._open_ledger(folder)
        self._settle()

    def save(self, progress: Progress) -> None:
        """Write the progress down. Raises ``StateError``; the old state stays."""
        state = progress.state
        header = {
            "definition": self._terms.definition.digest.hex(),
            "run": progress.run,
            "attempt": progress.attempt,
            "stopped": progress.stopped,
            "history": [asdict(each) for each in progress.history],
        }
        vectors = {"parameters": state.parameters, "control": state.control, "first": state.first_moment, "second": state.second_moment}
        write_state(self._file, header, vectors)
        self.progress = progress

    def begin_attempt(self, participants: tuple[str, ...]) -> None:
        """Write down that an attempt begins. Raises like :meth:`save`, and ``AuditError``."""
        self.save(replace(self.progress, attempt=self.progress.attempt + 1))
        number = len(self.progress.history) + 1
        consents = {name: self._terms.roster.members[name].consent for name in participants}
        self.journal.once(
            "round opened",
            f"{self.progress.run}/{number}/{self.progress.attempt}",
            {
                "purpose": self._terms.definition.compliance.purpose,
                "consents": consents,
                "model_card": self._terms.definition.compliance.model_card,
            },
            trace=trace_id(self.progress.run, number),
        )

    def close_round(self, state: State, record: RoundRecord) -> None:
        """Write the result of a round down. Raises like :meth:`save`, and ``AuditError``."""
        self.save(replace(self.progress, attempt=0, state=state, history=(*self.progress.history, record)))
        self._settle()

    def stop(self, reason: str) -> None:
        """Write down that the run ends early. Raises like :meth:`save`, and ``AuditError``."""
        self.save(replace(self.progress, stopped=reason))
        self._settle()

    def spend(self, release_id: str) -> None:
        """Pay for a noisy sum before it is unmasked; without client-level privacy there is nothing to pay.

        Raises:
            BudgetExhaustedError, LedgerError: it may not be unmasked.
        """
        release = self._terms.sum_release
        if self.ledger is not None and release is not None:
            self.ledger.spend(release_id, release)
            self._settle()

    @property
    def paid(self) -> int:
        """How often this run was paid for at most: sums, or rounds at each client."""
        if self.ledger is not None:
            return sum(entry.release_id.startswith(f"{self.progress.run}/") for entry in self.ledger.entries)
        return len(self.progress.history) + (self.progress.attempt > 0)

    def _open_ledger(self, folder: Path) -> Ledger | None:
        if self._terms.definition.privacy.unit != "client":
            return None
        terms, spent = self._terms, self.journal.has("epsilon spent") or bool(self.progress.history)
        budget, accountant = terms.definition.privacy.epsilon, terms.accountant
        return Ledger.begin(folder / "ledger.json", terms.statement, budget=budget, accountant=accountant, spent_before=spent)

    def _settle(self) -> None:
        """Give the audit log what it is owed."""
        terms, progress = self._terms, self.progress
        self.journal.once("run opened", progress.run, {"definition": terms.definition.digest.hex(), "clients": list(terms.roster.names)})
        for entry in self.ledger.entries if self.ledger else ():
            run, number, _ = entry.release_id.split("/")
            spent = {"epsilon": entry.epsilon, "budget": terms.definition.privacy.epsilon}
            self.journal.once("epsilon spent", entry.release_id, spent, trace=trace_id(run, int(number)))
        for each in progress.history:
            self.journal.once(
                "round closed",
                f"{progress.run}/{each.number}",
                {"contributors": list(each.contributors), "accuracy": each.accuracy, "epsilon": each.epsilon, "attempts": each.attempts},
                trace=trace_id(progress.run, each.number),
            )
        if progress.stopped:
            self.journal.once("run stopped", progress.run, {"reason": progress.stopped})


def _progress(header: dict[str, Any], vectors: dict[str, Vector]) -> Progress:
    history = tuple(RoundRecord(**{**each, "contributors": tuple(each["contributors"])}) for each in header["history"])
    state = State(vectors["parameters"], vectors["control"], vectors["first"], vectors["second"])
    return Progress(header["run"], header["attempt"], state, history, header["stopped"])
