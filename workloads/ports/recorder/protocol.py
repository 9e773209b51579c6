"""What a recorder promises. ``tests/contract/test_recorders.py`` holds every adapter to it.

Rule 1: an append is kept completely or not at all, and survives a crash once it has returned.
Rule 2: versions of a stream and positions of the whole log start at 1 and have no gaps; a reader that has seen position *n* never meets a
smaller one that it has not seen.
Rule 3: an append with the ids of an earlier one to the same stream changes nothing and returns the same position, whatever its expected
version.
Rule 4: times never run backwards along the log, even if the clock of a writer does. Order is the position, never the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class NewRecord(NamedTuple):
    """An event that is about to be kept."""

    event_id: bytes
    """16 bytes, unique in the log."""
    kind: str
    """Name of its type."""
    schema: int
    """Version of its type, from 1."""
    data: bytes
    subject: str | None = None
    """Id of the key that seals its personal data; None if it has none."""


class Record(NamedTuple):
    """An event as it is kept."""

    position: int
    """Place in the whole log, from 1."""
    stream: str
    version: int
    """Place in its stream, from 1."""
    event_id: bytes
    kind: str
    schema: int
    at_us: int
    """Microseconds since 1970, UTC."""
    subject: str | None
    data: bytes


class Snapshot(NamedTuple):
    """What the events of a stream up to ``version`` came to."""

    stream: str
    version: int
    schema: int
    """Version of the state's own format; another one than the reader's is not used."""
    data: bytes
    subject: str | None = None


class Recorder(Protocol):
    """Keeps events. Safe to share between threads."""

    def append(self, stream: str, expected_version: int | None, records: Sequence[NewRecord], at_us: int) -> int:
        """Keep ``records`` at the end of ``stream`` and return the position of the last one.

        Args:
            stream: name of the stream; it comes into being with its first event.
            expected_version: the version that the stream must have now, 0 for an empty one; None for any.
            records: at least one.
            at_us: time of the writer, in microseconds since 1970; a time before that of the last record is replaced by it.

        Raises:
            ConflictError: the stream has another version.
            ReusedEventIdError: an event id is taken.
            StorageError: nothing was kept.
        """

    def read_stream(self, stream: str, after_version: int = 0, limit: int | None = None) -> list[Record]:
        """Return the records of one stream in order, those after ``after_version``; none for an unknown stream."""

    def read_all(self, after_position: int = 0, limit: int | None = None, subject: str | None = None) -> list[Record]:
        """Return the records of all streams in order, or only those that the key ``subject`` seals."""

    def head(self) -> int:
        """Return the position of the last record; 0 if there is none."""

    def wait(self, after_position: int, timeout_s: float) -> bool:
        """Wait until there is a record after ``after_position``; return whether there is one."""

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep ``snapshot`` in place of an older one of its stream; a newer one stays."""

    def read_snapshot(self, stream: str) -> Snapshot | None:
        """Return the snapshot of the stream."""

    def drop_snapshots(self, *, stream: str | None = None, subject: str | None = None) -> int:
        """Remove the snapshot of ``stream``, or those that the key ``subject`` seals; return how many there were."""

    def close(self) -> None:
        """Give back files and connections; the recorder cannot be used afterwards."""
