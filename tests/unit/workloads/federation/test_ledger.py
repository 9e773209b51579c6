"""The budget is asked first, and no failure loses or resets what was spent."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from workloads.federation.errors import BudgetExhaustedError, LedgerError, PrivacyError
from workloads.federation.privacy.accounting.accountant import Accountant
from workloads.federation.privacy.accounting.exact import ExactAccountant
from workloads.federation.privacy.accounting.rdp import RdpAccountant
from workloads.federation.privacy.accounting.releases import ConcentratedRelease, GaussianRelease
from workloads.federation.privacy.ledger import Ledger
from workloads.federation.privacy.statement import Neighbours, Sampler, Statement, Unit

TERMS = Statement(Unit.CLIENT, Neighbours.ADD_OR_REMOVE_ONE, Sampler.ALL, 1e-5)
RELEASE = GaussianRelease(3)


def reopened(path: Path, *, terms: Statement = TERMS, budget: float = 8, accountant: Accountant | None = None) -> Ledger:
    return Ledger.open(path, terms, budget=budget, accountant=accountant or ExactAccountant())


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.create(tmp_path / "ledger.json", TERMS, budget=8, accountant=ExactAccountant())


def test_the_25th_release_is_refused_and_costs_nothing(ledger: Ledger) -> None:
    for number in range(1, 25):
        assert ledger.spend(f"round {number}", RELEASE).releases == number
    with pytest.raises(
        BudgetExhaustedError, match=r"'round 25' would raise epsilon from 7.8089 to 8.0037, and the budget is 8 .*nothing was released"
    ):
        ledger.spend("round 25", RELEASE)
    again = reopened(ledger.path)
    assert again.entries == ledger.entries
    assert again.spent == ledger.spent
    assert again.consumed == pytest.approx(7.80888 / 8, abs=1e-5)


def test_renyi_accounting_refuses_the_23rd(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "ledger.json", TERMS, budget=8, accountant=RdpAccountant())
    for number in range(22):
        ledger.spend(str(number), RELEASE)
    with pytest.raises(BudgetExhaustedError):
        ledger.spend("22", RELEASE)


def test_a_release_that_is_made_again_after_a_crash_is_paid_once(ledger: Ledger) -> None:
    first = ledger.spend("round 1", RELEASE)
    after = ledger.spend("round 2", RELEASE)
    again = reopened(ledger.path)
    assert again.spend("round 1", RELEASE) == first
    assert again.spent == after
    with pytest.raises(LedgerError, match="'round 1' stands for"):
        again.spend("round 1", GaussianRelease(2))


def test_a_ledger_is_neither_reset_nor_begun_again(ledger: Ledger) -> None:
    ledger.spend("round 1", RELEASE)
    with pytest.raises(LedgerError, match="is a ledger already"):
        Ledger.create(ledger.path, TERMS, budget=8, accountant=ExactAccountant())
    ledger.path.unlink()
    with pytest.raises(LedgerError, match="cannot be read"):
        reopened(ledger.path)


def test_other_terms_are_refused(ledger: Ledger) -> None:
    other = Statement(Unit.RECORD, Neighbours.ADD_OR_REMOVE_ONE, Sampler.ALL, 1e-5)
    with pytest.raises(LedgerError, match="statement"):
        reopened(ledger.path, terms=other)
    with pytest.raises(LedgerError, match="budget 8, not 9"):
        reopened(ledger.path, budget=9)
    with pytest.raises(LedgerError, match="accountant 'exact', not 'rdp'"):
        reopened(ledger.path, accountant=RdpAccountant())


def test_every_changed_byte_of_the_file_is_an_error_or_changes_nothing(ledger: Ledger) -> None:
    ledger.spend("round 1", RELEASE)
    content = ledger.path.read_bytes()
    for place in range(0, len(content), 3):
        changed = bytearray(content)
        changed[place] ^= 1
        ledger.path.write_bytes(changed)
        try:
            entries = reopened(ledger.path).entries
        except LedgerError:
            continue
        assert entries == ledger.entries, place


@pytest.mark.parametrize("failing", ["fsync", "rename"])
def test_a_full_disk_stops_the_release_and_loses_nothing(ledger: Ledger, failing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.spend("round 1", RELEASE)
    before = ledger.path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(*((os, "fsync", full) if failing == "fsync" else (Path, "replace", full)))
        with pytest.raises(LedgerError, match=r"ledger.json cannot be written: No space left on device; nothing was released"):
            ledger.spend("round 2", RELEASE)
    assert ledger.path.read_bytes() == before
    assert list(ledger.path.parent.iterdir()) == [ledger.path]
    assert ledger.spend("round 2", RELEASE).releases == 2
    assert reopened(ledger.path).entries == ledger.entries


def test_an_accountant_without_an_answer_closes_the_budget(tmp_path: Path) -> None:
    class Lost:
        name = "lost"

        def epsilon(self, *_: object) -> float:
            return float("nan")

    ledger = Ledger.create(tmp_path / "ledger.json", TERMS, budget=8, accountant=Lost())
    with pytest.raises(BudgetExhaustedError):
        ledger.spend("round 1", ConcentratedRelease(0.1))
    with pytest.raises(PrivacyError, match="positive epsilon"):
        Ledger.create(tmp_path / "other.json", TERMS, budget=0, accountant=Lost())
