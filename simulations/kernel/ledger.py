"""Conservation: everything that enters ends in exactly one bucket.

A simulation that loses a request or counts it twice gives plausible but wrong numbers, so each run checks its ledger at the end.
"""

from __future__ import annotations

from collections import Counter


class LedgerError(AssertionError):
    """The ledger of a run does not balance: a bug in the simulation, never in its input."""


class Ledger:
    """The ledger for one kind of entry, for instance requests; each entry has a unique name."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._open: set[int] = set()
        self.buckets: Counter[str] = Counter()

    def enter(self, entry: int) -> None:
        """Record that ``entry`` has entered.

        Raises:
            LedgerError: it had entered before.
        """
        if entry in self._open:
            raise LedgerError(f"{self._what} {entry} came in twice")
        self._open.add(entry)

    def settle(self, entry: int, bucket: str) -> None:
        """Record that ``entry`` has ended in ``bucket``.

        Raises:
            LedgerError: it never entered, or has ended before.
        """
        if entry not in self._open:
            raise LedgerError(f"{self._what} {entry} ends as {bucket!r} and was not open")
        self._open.remove(entry)
        self.buckets[bucket] += 1

    def close(self) -> None:
        """Close the ledger.

        Raises:
            LedgerError: something is still open.
        """
        if self._open:
            raise LedgerError(f"{len(self._open)} of {self._what} ended nowhere, the first is {min(self._open)}")
