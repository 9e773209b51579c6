"""The last changes of a store, by revision: what a watch begins with."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from workloads.consensus.errors import CompactedError

#: Of what is kept for watches: it is in each snapshot, and a watch from its start gets all of it at once.
MAX_CHARACTERS: Final = 4 << 20
#: A value of None: the key was deleted.
Change = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Revision:
    """All changes of one revision."""

    number: int
    changes: tuple[Change, ...]

    @property
    def characters(self) -> int:
        """Of its keys and values."""
        return sum(len(key) + len(value or "") for key, value in self.changes)


class History:
    """Revisions without a gap, up to the last one of the store. The last one is always kept.

    Args:
        limit: revisions that are kept; older ones are compacted.
        start: the revision behind which it begins.
        max_characters: of the keys and values in what is kept.
    """

    def __init__(self, limit: int, start: int = 0, *, max_characters: int = MAX_CHARACTERS) -> None:
        self.start = start
        self._limit = limit
        self._max_characters = max_characters
        self._characters = 0
        self._revisions: list[Revision] = []

    def add(self, number: int, changes: Iterable[Change]) -> None:
        """Add the next revision."""
        revision = Revision(number, tuple(changes))
        self._revisions.append(revision)
        self._characters += revision.characters
        if len(self._revisions) > 2 * self._limit or self._characters > 2 * self._max_characters:  # seldom, because it moves them all
            self._compact()

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
        self._compact()
        return [self.start, [[each.number, each.changes] for each in self._revisions]]

    @classmethod
    def loaded(cls, limit: int, dumped: tuple[int, list[tuple[int, list[Change]]]], *, max_characters: int = MAX_CHARACTERS) -> History:
        """Return the history whose ``dump`` this is."""
        start, revisions = dumped
        history = cls(limit, start, max_characters=max_characters)
        for number, changes in revisions:
            history.add(number, ((key, value) for key, value in changes))
        return history

    def _compact(self) -> None:
        """Keep as many of the last revisions as the limits allow; what these are depends on the revisions alone."""
        keep = characters = 0
        for each in reversed(self._revisions):
            characters += each.characters
            if keep == self._limit or (keep and characters > self._max_characters):
                break
            keep += 1
        if keep < len(self._revisions):
            self.start = self._revisions[-keep - 1].number
            del self._revisions[:-keep]
            self._characters = sum(each.characters for each in self._revisions)
