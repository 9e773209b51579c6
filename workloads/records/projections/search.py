"""A search projection: which streams contain a word. Its rows are unsealed, so it erases persons like any other projection."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from workloads.records.store import Event

_WORDS: Final = re.compile(r"\w+")


class Search:
    """Words of the text fields of chosen types of events.

    Ask with ``SELECT DISTINCT stream FROM search WHERE word = ?``, the word case-folded.
    """

    name = "search"
    version = 1
    tables = ("search",)
    schema = """
    CREATE TABLE search (word TEXT, stream TEXT, key_id TEXT, PRIMARY KEY (word, stream, key_id)) WITHOUT ROWID;
    CREATE INDEX search_by_key ON search (key_id)
    """

    def __init__(self, kinds: frozenset[str]) -> None:
        self._kinds = kinds

    def apply(self, db: sqlite3.Connection, event: Event) -> None:
        """See :class:`~workloads.records.projections.projector.Projection`."""
        if event.kind in self._kinds:
            words = {word for text in _texts(asdict(event.body)) for word in _WORDS.findall(text.casefold())}
            rows = [(word, event.stream, event.subject or "") for word in sorted(words)]
            db.executemany("INSERT OR IGNORE INTO search VALUES (?, ?, ?)", rows)

    def forget(self, db: sqlite3.Connection, key_id: str) -> None:
        """See :class:`~workloads.records.projections.projector.Projection`."""
        db.execute("DELETE FROM search WHERE key_id = ?", (key_id,))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for child in value.values():
            yield from _texts(child)
    elif isinstance(value, list | tuple):
        for child in value:
            yield from _texts(child)
