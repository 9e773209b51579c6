"""The budget ledger: what has been spent, charged before each release.

Rule 1: a release is recorded before it is made. If the entry cannot be written or would exceed the budget, there is no release.
Rule 2: an entry has an id. A program that was killed after the entry repeats the same release and pays once.
Rule 3: nothing is ever reset. A missing, damaged or differently declared ledger is an error, and a new one never replaces an old one.

The file holds the terms, the entries and their digest as JSON. It is replaced as a whole and synced to the disk. One process owns it. A
rollback to an older copy is consistent in itself: compare the ledger with the audit log to detect it.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from foundation.processes.atomic_file import replacing
from workloads.federation.errors import BudgetExhaustedError, LedgerError, PrivacyError
from workloads.federation.privacy.accounting.accountant import Accountant
from workloads.federation.privacy.accounting.releases import ConcentratedRelease, GaussianRelease, Release
from workloads.federation.privacy.statement import Guarantee, Statement

_KINDS: Final[dict[str, type[Release]]] = {"gaussian": GaussianRelease, "concentrated": ConcentratedRelease}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}


@dataclass(frozen=True, slots=True)
class Entry:
    """A release that was paid for.

    Attributes:
        release_id: chosen by the caller, such as run and round.
        release: what was released.
        epsilon: spent in all, this entry included.
        count: how often it was made under this id, such as the steps of a round.
    """

    release_id: str
    release: Release
    epsilon: float
    count: int = 1


class Ledger:
    """A budget of epsilon; made by :meth:`create` or :meth:`open`."""

    def __init__(self, path: Path, statement: Statement, budget: float, accountant: Accountant, entries: list[Entry]) -> None:
        self.path = path
        self.statement = statement
        self.budget = budget
        self._accountant = accountant
        self._entries = entries

    @classmethod
    def create(cls, path: Path, statement: Statement, *, budget: float, accountant: Accountant) -> Ledger:
        """Create a ledger.

        Raises:
            LedgerError: it already exists, or it cannot be written.
            PrivacyError: the budget is not a positive number.
        """
        if not 0 < budget < float("inf"):
            raise PrivacyError(f"a budget must be a positive epsilon, not {budget!r}")
        if path.exists():
            raise LedgerError(f"{path} is a ledger already: open it, or begin another one under another name")
        ledger = cls(path, statement, budget, accountant, [])
        ledger._write([])
        return ledger

    @classmethod
    def open(cls, path: Path, statement: Statement, *, budget: float, accountant: Accountant) -> Ledger:
        """Open an existing ledger.

        Raises:
            LedgerError: it is missing or damaged, or was begun for other terms, another budget or another accountant.
        """
        content, entries = read_ledger(path)
        ledger = cls(path, statement, budget, accountant, entries)
        for name, expected in ledger._terms().items():
            if content.get(name) != expected:
                raise LedgerError(
                    f"{path} was begun with {name} {content.get(name)!r}, not {expected!r}; terms do not change while money is spent"
                )
        return ledger

    @classmethod
    def begin(cls, path: Path, statement: Statement, *, budget: float, accountant: Accountant, spent_before: bool) -> Ledger:
        """Open a ledger, or create it if nothing can have been spent yet.

        Args:
            path: of the ledger.
            statement: the terms.
            budget: epsilon in all.
            accountant: computes it.
            spent_before: whether something else says that a release was made.

        Raises:
            LedgerError: as :meth:`open` and :meth:`create`; or it is missing, and something was spent.
        """
        if path.exists():
            return cls.open(path, statement, budget=budget, accountant=accountant)
        if spent_before:
            raise LedgerError(f"the privacy ledger {path} is missing, and releases were made: restore it; a new one would spend twice")
        return cls.create(path, statement, budget=budget, accountant=accountant)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All releases that were paid for, in order."""
        return tuple(self._entries)

    @property
    def spent(self) -> Guarantee:
        """What has been spent so far."""
        return self._guarantee(self._entries)

    @property
    def consumed(self) -> float:
        """Share of the budget that is spent, between 0 and 1."""
        return self.spent.epsilon / self.budget

    def spend(self, release_id: str, release: Release, count: int = 1) -> Guarantee:
        """Pay for a release before it is made; return the total spent including it.

        Args:
            release_id: stands for it for ever.
            release: what is released.
            count: how often it is made under this id.

        Raises:
            BudgetExhaustedError: it would exceed the budget; nothing is spent.
            LedgerError: the entry cannot be written, or its id stands for another release; nothing may be released.
        """
        for place, entry in enumerate(self._entries, 1):
            if entry.release_id == release_id:
                if (entry.release, entry.count) != (release, count):
                    raise LedgerError(f"{self.path}: {release_id!r} stands for {entry.release}, not for {release}")
                return self._guarantee(self._entries[:place])
        counts = Counter({release: count})
        for entry in self._entries:
            counts[entry.release] += entry.count
        epsilon = self._accountant.epsilon(counts, self.statement)
        if not epsilon <= self.budget:  # a NaN is not a valid result either
            raise BudgetExhaustedError(
                f"{release_id!r} would raise epsilon from {self.spent.epsilon:.4f} to {epsilon:.4f}, and the budget is {self.budget:g} "
                f"({self.path}); nothing was released"
            )
        entries = [*self._entries, Entry(release_id, release, epsilon, count)]
        self._write(entries)
        self._entries = entries
        return self.spent

    def _guarantee(self, entries: list[Entry]) -> Guarantee:
        spent = entries[-1].epsilon if entries else 0.0
        return Guarantee(self.statement, spent, self._accountant.name, sum(each.count for each in entries))

    def _terms(self) -> dict[str, Any]:
        return {"statement": self.statement.as_dict(), "budget": self.budget, "accountant": self._accountant.name}

    def _write(self, entries: list[Entry]) -> None:
        rows = [
            {
                "id": each.release_id,
                "kind": _NAMES[type(each.release)],
                **asdict(each.release),
                "count": each.count,
                "epsilon": each.epsilon,
            }
            for each in entries
        ]
        content = {**self._terms(), "entries": rows}
        try:
            with replacing(self.path, mode=0o600) as partial, partial.open("w", encoding="utf-8") as file:
                json.dump({"ledger": content, "sha256": _digest(content)}, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise LedgerError(
                f"the privacy ledger {self.path} cannot be written: {error.strerror}; nothing was released or spent"
            ) from error


def read_ledger(path: Path) -> tuple[dict[str, Any], list[Entry]]:
    """Return the content of a ledger's file and its entries.

    Raises:
        LedgerError: it is missing or damaged.
    """
    try:
        document = json.loads(path.read_bytes())
        content, digest = document["ledger"], document["sha256"]
        entries = [_entry(each) for each in content["entries"]]
    except OSError as error:
        raise LedgerError(f"the privacy ledger {path} cannot be read: {error.strerror}; nothing may be released without it") from error
    except (ValueError, KeyError, TypeError, AttributeError, PrivacyError) as error:
        raise LedgerError(f"{path} is damaged or no privacy ledger; restore it, and release nothing until then") from error
    if digest != _digest(content):
        raise LedgerError(f"{path} was changed or damaged: its digest does not fit; restore it, and release nothing until then")
    return content, entries


def _digest(content: Any) -> str:
    return sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _entry(row: dict[str, Any]) -> Entry:
    fields = {name: value for name, value in row.items() if name not in {"id", "kind", "count", "epsilon"}}
    return Entry(str(row["id"]), _KINDS[row["kind"]](**fields), float(row["epsilon"]), int(row["count"]))
