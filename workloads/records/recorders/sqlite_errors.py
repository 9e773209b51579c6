"""SQLite's errors in the words of the port; the file and the remedy in each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from workloads.ports.recorder import BusyError, CorruptError, FullError, StorageError

#: Primary result code → error and what to do, from https://www.sqlite.org/rescode.html.
_MEANING: Final[dict[int, tuple[type[StorageError], str]]] = {
    sqlite3.SQLITE_BUSY: (BusyError, "another process is writing; try again, or end that process"),
    sqlite3.SQLITE_LOCKED: (BusyError, "another connection is writing; try again"),
    sqlite3.SQLITE_FULL: (FullError, "nothing was kept; free some space and try again"),
    sqlite3.SQLITE_CORRUPT: (CorruptError, "restore the file from a backup, or move it away to start a new one"),
    sqlite3.SQLITE_NOTADB: (CorruptError, "it is not an SQLite file; restore it from a backup, or move it away to start a new one"),
    sqlite3.SQLITE_CANTOPEN: (StorageError, "check that its folder exists and may be written"),
    sqlite3.SQLITE_READONLY: (StorageError, "make the file and its folder writable"),
    sqlite3.SQLITE_IOERR: (StorageError, "check the disk and the space on it"),
}


@contextmanager
def translated(path: Path | str) -> Iterator[None]:
    """Raise SQLite's errors on the file ``path`` as :class:`~workloads.ports.recorder.StorageError`."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        kind, remedy = _MEANING.get((code or 0) & 0xFF, (StorageError, "check the file"))
        raise kind(f"{path}: {error}; {remedy}") from error
