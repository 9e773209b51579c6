"""What every recorder may raise, by whose fault it is."""

from __future__ import annotations


class RecordsError(Exception):
    """Base of all errors of event records; its text is fit to be shown as it is."""


class ConflictError(RecordsError):
    """Somebody else has written to the stream since it was read: read it again and decide again."""

    def __init__(self, stream: str, expected: int, actual: int) -> None:
        super().__init__(f"stream {stream!r} is at version {actual}, not {expected}: another writer was first; read it again and retry")
        self.stream, self.expected, self.actual = stream, expected, actual


class ReusedEventIdError(RecordsError):
    """An event id stands for another event already, or only a part of a batch has been recorded before."""


class StorageError(RecordsError):
    """The storage below cannot do what it is asked; names the file and the remedy."""


class BusyError(StorageError):
    """Another process holds the storage for longer than we wait."""


class FullError(StorageError):
    """No space is left; nothing of the append was kept."""


class CorruptError(StorageError):
    """What was read is not what was written."""
