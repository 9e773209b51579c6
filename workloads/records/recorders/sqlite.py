"""The recorder in one SQLite file, for one machine.

Rule 1: write-ahead log with ``synchronous=FULL``: an append that has returned is on the disk.
Rule 2: a writer takes the write lock before it reads the version (``BEGIN IMMEDIATE``), so that no two decide on the same one.
Rule 3: threads that append at the same time share an fsync (group commit), each with an answer of its own.
Rule 4: every record has a CRC-32 of what it says, checked at each reading: SQLite's own pages have none.
Rule 5: what is deleted is overwritten (``secure_delete``); only snapshots ever are.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from workloads.ports.recorder import (
    ConflictError,
    CorruptError,
    NewRecord,
    Record,
    RecordsError,
    ReusedEventIdError,
    Snapshot,
    StorageError,
)
from workloads.ports.recorder.memory import position_of_earlier
from workloads.records.recorders.polling import wait_for_record
from workloads.records.recorders.sqlite_errors import translated

_FORMAT: Final = 1
_APPLICATION: Final = 0x53544556
_SCHEMA: Final = """
CREATE TABLE events (
  position INTEGER PRIMARY KEY, stream TEXT NOT NULL, version INTEGER NOT NULL, event_id BLOB NOT NULL UNIQUE, kind TEXT NOT NULL,
  schema INTEGER NOT NULL, at_us INTEGER NOT NULL, subject TEXT, data BLOB NOT NULL, crc INTEGER NOT NULL, UNIQUE (stream, version));
CREATE INDEX events_by_subject ON events (subject, position) WHERE subject IS NOT NULL;
CREATE TABLE snapshots (
  stream TEXT PRIMARY KEY, version INTEGER NOT NULL, schema INTEGER NOT NULL, data BLOB NOT NULL, subject TEXT, crc INTEGER NOT NULL);
"""
_COLUMNS: Final = "position, stream, version, event_id, kind, schema, at_us, subject, data, crc"


@dataclass(slots=True)
class _Append:
    """An append in progress; it has a position or an error once it is done."""

    stream: str
    expected_version: int | None
    records: Sequence[NewRecord]
    at_us: int
    position: int = 0
    error: RecordsError | None = None
    done: bool = False


class SqliteRecorder:
    """Keeps events in the file ``path``, created if it is missing; its folder must exist.

    Args:
        path: the file; ``:memory:`` for none.
        busy_s: how long to wait for another writer.

    Raises:
        StorageError: the file cannot be opened, is no event store, or one of a newer version.
    """

    def __init__(self, path: Path | str, *, busy_s: float = 5.0) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._turn = threading.Condition()
        self._waiting: list[_Append] = []
        self._is_writing = False
        with translated(path):
            self._db = sqlite3.connect(path, timeout=busy_s, isolation_level=None, check_same_thread=False, cached_statements=32)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def _prepare(self) -> None:
        execute = self._db.execute
        execute("PRAGMA secure_delete = ON")
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = FULL")
        with self._writing():
            (application,), (found,) = execute("PRAGMA application_id").fetchone(), execute("PRAGMA user_version").fetchone()
            is_new = not execute("SELECT 1 FROM sqlite_schema").fetchone()
            if is_new:
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    execute(statement)
                execute(f"PRAGMA application_id = {_APPLICATION}")
                execute(f"PRAGMA user_version = {_FORMAT}")
            elif application != _APPLICATION:
                raise StorageError(f"{self.path}: is a database of another program; name another file")
            elif found != _FORMAT:
                raise StorageError(f"{self.path}: has format {found}; this version reads {_FORMAT}: use a newer one, or another file")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def append(self, stream: str, expected_version: int | None, records: Sequence[NewRecord], at_us: int) -> int:
        """See :class:`~workloads.ports.recorder.Recorder`."""
        mine = _Append(stream, expected_version, records, at_us)
        with self._turn:
            self._waiting.append(mine)
            self._turn.wait_for(lambda: mine.done or not self._is_writing)
            if not mine.done:
                self._is_writing, batch, self._waiting = True, self._waiting, []
        if not mine.done:
            try:
                self._write(batch)
            finally:
                with self._turn:
                    self._is_writing = False
                    self._turn.notify_all()
        if mine.error is not None:
            raise mine.error
        return mine.position

    def _write(self, batch: list[_Append]) -> None:
        """Keep all appends of ``batch`` with one fsync; one that is refused leaves the others alone."""
        try:
            with translated(self.path), self._writing() as db:
                for each in batch:
                    db.execute("SAVEPOINT one")
                    try:
                        each.position = self._insert(db, each)
                    except RecordsError as error:
                        each.error = error
                        db.execute("ROLLBACK TO one")
                    db.execute("RELEASE one")
        except BaseException as error:
            fault = error if isinstance(error, StorageError) else StorageError(f"{self.path}: interrupted: {error!r}")
            for each in batch:
                each.error = each.error or fault
            if fault is not error:
                raise
        finally:
            for each in batch:
                each.done = True

    def _insert(self, db: sqlite3.Connection, new: _Append) -> int:
        stream, at_us = new.stream, new.at_us
        last = db.execute("SELECT version FROM events WHERE stream = ? ORDER BY version DESC LIMIT 1", (stream,)).fetchone()
        version = last[0] if last else 0
        if new.expected_version is not None and new.expected_version != version:
            if earlier := self._earlier(stream, new.records):
                return earlier
            raise ConflictError(stream, new.expected_version, version)
        newest = db.execute("SELECT position, at_us FROM events ORDER BY position DESC LIMIT 1").fetchone()
        position = newest[0] if newest else 0
        at_us = max(at_us, newest[1]) if newest else at_us
        rows = [
            (position + place, stream, version + place, event_id, kind, schema, at_us, subject, data, _crc(stream, event_id, kind, data))
            for place, (event_id, kind, schema, data, subject) in enumerate(new.records, 1)
        ]
        try:
            db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        except sqlite3.IntegrityError as error:
            db.execute("ROLLBACK TO one")
            if earlier := self._earlier(stream, new.records):
                return earlier
            raise ReusedEventIdError(f"stream {stream!r}: one event id occurs twice in a batch") from error
        return position + len(rows)

    def _earlier(self, stream: str, records: Sequence[NewRecord]) -> int | None:
        """Return the position of a batch that was recorded before; None if none of it was."""
        query = f"SELECT {_COLUMNS} FROM events WHERE event_id = ?"  # noqa: S608  # columns are ours
        found = [self._records(self._db.execute(query, (record.event_id,))) for record in records]
        return position_of_earlier(stream, [each[0] if each else None for each in found]) if any(found) else None

    def _records(self, rows: Iterable[tuple[Any, ...]]) -> list[Record]:
        records = []
        for row in rows:
            record = Record._make(row[:9])
            if row[9] != _crc(record.stream, record.event_id, record.kind, record.data):
                raise CorruptError(
                    f"{self.path}: the record at position {record.position} is damaged (wrong checksum); restore the file from a backup"
                )
            records.append(record)
        return records

    def _read(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        with translated(self.path), self._lock:
            return self._db.execute(query, arguments).fetchall()

    def read_stream(self, stream: str, after_version: int = 0, limit: int | None = None) -> list[Record]:
        """See :class:`~workloads.ports.recorder.Recorder`."""
        query = f"SELECT {_COLUMNS} FROM events WHERE stream = ? AND version > ? ORDER BY version LIMIT ?"  # noqa: S608
        return self._records(self._read(query, stream, after_version, -1 if limit is None else limit))

    def read_all(self, after_position: int = 0, limit: int | None = None, subject: str | None = None) -> list[Record]:
        """See :class:`~workloads.ports.recorder.Recorder`."""
        most = -1 if limit is None else limit
        if subject is None:
            query = f"SELECT {_COLUMNS} FROM events WHERE position > ? ORDER BY position LIMIT ?"  # noqa: S608
            return self._records(self._read(query, after_position, most))
        query = f"SELECT {_COLUMNS} FROM events WHERE subject = ? AND position > ? ORDER BY position LIMIT ?"  # noqa: S608
        return self._records(self._read(query, subject, after_position, most))

    def head(self) -> int:
        """See :class:`~workloads.ports.recorder.Recorder`."""
        return int(self._read("SELECT coalesce(max(position), 0) FROM events")[0][0])

    def wait(self, after_position: int, timeout_s: float) -> bool:
        """See :class:`~workloads.ports.recorder.Recorder`; asks every 20 ms, because writers may be other processes."""
        return wait_for_record(self.head, after_position, timeout_s)

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """See :class:`~workloads.ports.recorder.Recorder`."""
        with translated(self.path), self._writing() as db:
            db.execute(
                "INSERT INTO snapshots VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (stream) DO UPDATE SET version = excluded.version,"
                " schema = excluded.schema, data = excluded.data, subject = excluded.subject, crc = excluded.crc"
                " WHERE excluded.version >= version",
                (*snapshot, crc32(snapshot.data)),
            )

    def read_snapshot(self, stream: str) -> Snapshot | None:
        """See :class:`~workloads.ports.recorder.Recorder`; a damaged one counts as none, because the events say it all."""
        found = self._read("SELECT stream, version, schema, data, subject, crc FROM snapshots WHERE stream = ?", stream)
        return Snapshot._make(found[0][:5]) if found and found[0][5] == crc32(found[0][3]) else None

    def drop_snapshots(self, *, stream: str | None = None, subject: str | None = None) -> int:
        """See :class:`~workloads.ports.recorder.Recorder`."""
        with translated(self.path):
            with self._writing() as db:
                gone = db.execute("DELETE FROM snapshots WHERE stream = ? OR subject = ?", (stream, subject)).rowcount
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return gone

    def backup(self, path: Path) -> None:
        """Write a consistent copy of the whole store to ``path`` while others go on writing.

        Raises:
            StorageError: the copy cannot be written.
        """
        with translated(path):
            copy = sqlite3.connect(path)
            try:
                with self._lock:
                    self._db.backup(copy)
            finally:
                copy.close()

    def verify(self) -> int:
        """Read everything once and return the number of records.

        Raises:
            CorruptError: a page, a checksum or the order of positions is damaged.
        """
        (answer,), *_ = self._read("PRAGMA integrity_check")
        if answer != "ok":
            raise CorruptError(f"{self.path}: {answer}; restore the file from a backup")
        position = 0
        while records := self.read_all(position, 1000):
            if [record.position for record in records] != list(range(position + 1, position + len(records) + 1)):
                raise CorruptError(f"{self.path}: records are missing after position {position}; restore the file from a backup")
            position = records[-1].position
        return position

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()


def _crc(stream: str, event_id: bytes, kind: str, data: bytes) -> int:
    return crc32(data, crc32(event_id + f"{stream}\0{kind}".encode()))
