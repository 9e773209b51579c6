import pytest

from simulations.kernel import Ledger, LedgerError


def test_what_came_in_ends_in_one_bucket() -> None:
    ledger = Ledger("requests")
    for entry in range(3):
        ledger.enter(entry)
    ledger.settle(0, "ok")
    ledger.settle(2, "failed")
    ledger.settle(1, "ok")
    ledger.close()
    assert ledger.buckets == {"ok": 2, "failed": 1}


def test_an_entry_that_ends_nowhere_is_named() -> None:
    ledger = Ledger("requests")
    ledger.enter(7)
    with pytest.raises(LedgerError, match="1 of requests ended nowhere, the first is 7"):
        ledger.close()


def test_nothing_ends_twice_or_without_having_come_in() -> None:
    ledger = Ledger("requests")
    ledger.enter(1)
    with pytest.raises(LedgerError, match="requests 1 came in twice"):
        ledger.enter(1)
    ledger.settle(1, "ok")
    with pytest.raises(LedgerError, match="requests 1 ends as 'failed'"):
        ledger.settle(1, "failed")
