"""The last changes of a store, by revision: what a watch begins with."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from workloads.consensus.errors import CompactedError

#: A value of None: the key was deleted.
Change = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Revision:
    """All changes of one revision."""

    number: int
    changes: tuple[Change, ...]


class History:
    """Revisions without a gap, up to the last one of the store.

    Args:
        limit: revisions that are kept; older ones are compacted.
        start: the revision behind which it begins.
    """

    def __init__(self, limit: int, start: int = 0) -> None:
        self.start = start
        self._limit = limit
        self._revisions: list[Revision] = []

    def add(self, number: int, changes: Iterable[Change]) -> None:
        """Add the next revision."""
        self._revisions.append(Revision(number, tuple(changes)))
        if len(self._revisions) > 2 * self._limit:  # seldom, because it moves them all
            self._compact(self._limit)

    def after(self, revision: int) -> list[Revision]:
        """Return the revisions behind ``revision``.

        Raises:
            CompactedError: some of them are not kept any more.
        """
        if revision < self.start:
            raise CompactedError(
                f"the changes behind revision {revision} are compacted up to {self.start}; read the keys again and watch from there"
            )
        return self._revisions[bisect_right(self._revisions, revision, key=lambda each: each.number) :]

    def dump(self) -> list[object]:
        """Return the form in a snapshot: as much on every member, so that equal stores have equal snapshots."""
        kept = self._revisions[max(0, len(self._revisions) - self._limit) :]
        start = self._revisions[-len(kept) - 1].number if len(kept) < len(self._revisions) else self.start
        return [start, [[each.number, each.changes] for each in kept]]

    @classmethod
    def loaded(cls, limit: int, dumped: tuple[int, list[tuple[int, list[Change]]]]) -> History:
        """Return the history whose ``dump`` this is."""
        start, revisions = dumped
        history = cls(limit, start)
        for number, changes in revisions:
            history.add(number, ((key, value) for key, value in changes))
        return history

    def _compact(self, keep: int) -> None:
        self.start = self._revisions[-keep - 1].number
        del self._revisions[:-keep]
