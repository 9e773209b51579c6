"""Conservation: what goes in ends in exactly one bucket.

A simulation that loses a request, or counts it twice, gives plausible numbers and is wrong; so each run closes its books.
"""

from __future__ import annotations

from collections import Counter


class LedgerError(AssertionError):
    """The books of a run do not balance: a bug in the simulation, never in its input."""


class Ledger:
    """The books for one kind of thing, for instance requests; each entry is named, and named once."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._open: set[int] = set()
        self.buckets: Counter[str] = Counter()

    def enter(self, entry: int) -> None:
        """Note that ``entry`` has come in.

        Raises:
            LedgerError: it had come in before.
        """
        if entry in self._open:
            raise LedgerError(f"{self._what} {entry} came in twice")
        self._open.add(entry)

    def settle(self, entry: int, bucket: str) -> None:
        """Note that ``entry`` has ended in ``bucket``.

        Raises:
            LedgerError: it never came in, or has ended before.
        """
        if entry not in self._open:
            raise LedgerError(f"{self._what} {entry} ends as {bucket!r} and was not open")
        self._open.remove(entry)
        self.buckets[bucket] += 1

    def close(self) -> None:
        """Close the books.

        Raises:
            LedgerError: something is still open.
        """
        if self._open:
            raise LedgerError(f"{len(self._open)} of {self._what} ended nowhere, the first is {min(self._open)}")
