"""Projections: tables in one SQLite file, each kept together with the position that it has reached.

Rule 1: a batch of events and the position after it are one transaction: after a crash nothing is missing and nothing counted twice.
Rule 2: a projection is disposable. One of another version is built again from the first event; none is in a backup.
Rule 3: a projection that holds personal data knows under which key each row stands, and forgets them; free pages and the write-ahead
log keep nothing back.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from workloads.records.recorders.sqlite_errors import translated
from workloads.records.store import Event, EventStore

_BATCH: Final = 500
_POSITIONS: Final = "CREATE TABLE IF NOT EXISTS positions (name TEXT PRIMARY KEY, version INTEGER NOT NULL, position INTEGER NOT NULL)"


class Projection(Protocol):
    """One or more tables made from events."""

    name: str
    version: int
    """A higher one builds the tables again."""
    tables: Sequence[str]
    """Their names."""
    schema: str
    """The statements that create them, with ``;`` between."""

    def apply(self, db: sqlite3.Connection, event: Event) -> None:
        """Take one event in; within a transaction that is not ours to end."""

    def forget(self, db: sqlite3.Connection, key_id: str) -> None:
        """Remove every row that was made from events under this key."""


class Projector:
    """Keeps projections up to date, and serves queries from them.

    Args:
        store: where the events are.
        path: the file of the tables; ``:memory:`` for none.
        projections: what is made.

    Raises:
        StorageError: the file cannot be opened.
    """

    name = "projections"

    def __init__(self, store: EventStore, path: Path | str, *projections: Projection) -> None:
        self._store, self._path, self._projections = store, path, projections
        self._lock = threading.RLock()
        with translated(path):
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA secure_delete = ON")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute(_POSITIONS)
        for each in projections:
            self._prepare(each)

    def catch_up(self) -> int:
        """Apply all new events, and return the position that all projections have reached."""
        return min(self._catch_up(each) for each in self._projections)

    def rebuild(self, name: str) -> None:
        """Build a projection again from the first event."""
        projection = next(each for each in self._projections if each.name == name)
        with self._transaction() as db:
            db.execute("DELETE FROM positions WHERE name = ?", (name,))
        self._prepare(projection)
        self._catch_up(projection)

    def position(self, name: str) -> int:
        """Return the position that a projection has reached."""
        return int(self.query("SELECT position FROM positions WHERE name = ?", name)[0][0])

    def query(self, sql: str, *arguments: object, at_least: int = 0) -> list[tuple[Any, ...]]:
        """Return rows; ``at_least`` is a position that must be in them, as that of the asker's own last append."""
        if at_least and any(self.position(each.name) < at_least for each in self._projections):
            self.catch_up()
        with translated(self._path), self._lock:
            return self._db.execute(sql, arguments).fetchall()

    def forget(self, key_id: str) -> None:
        """Remove every byte that was made from events under this key."""
        self.catch_up()  # what comes later under this key is sealed for good
        with self._transaction() as db:
            for each in self._projections:
                each.forget(db, key_id)
        with translated(self._path), self._lock:
            # Cells that moved within a page leave copies that secure_delete does not see; a rewritten file has none.
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _prepare(self, projection: Projection) -> None:
        with self._transaction() as db:
            found = db.execute("SELECT version FROM positions WHERE name = ?", (projection.name,)).fetchone()
            if found == (projection.version,):
                return
            for table in projection.tables:
                db.execute(f"DROP TABLE IF EXISTS {table}")
            for statement in filter(str.strip, projection.schema.split(";")):
                db.execute(statement)
            db.execute("INSERT OR REPLACE INTO positions VALUES (?, ?, 0)", (projection.name, projection.version))

    def _catch_up(self, projection: Projection) -> int:
        while True:
            with self._transaction() as db:
                (position,) = db.execute("SELECT position FROM positions WHERE name = ?", (projection.name,)).fetchone()
                events = self._store.subscribe(position).next(limit=_BATCH)
                if not events:
                    return int(position)
                for event in events:
                    projection.apply(db, event)
                db.execute("UPDATE positions SET position = ? WHERE name = ?", (events[-1].position, projection.name))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with translated(self._path), self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
