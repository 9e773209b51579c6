"""Port to what keeps events: an append-only log with streams, snapshots and one global order."""

from workloads.ports.recorder.errors import (
    BusyError,
    ConflictError,
    CorruptError,
    FullError,
    RecordsError,
    ReusedEventIdError,
    StorageError,
)
from workloads.ports.recorder.memory import MemoryRecorder
from workloads.ports.recorder.protocol import NewRecord, Record, Recorder, Snapshot

__all__ = [
    "BusyError",
    "ConflictError",
    "CorruptError",
    "FullError",
    "MemoryRecorder",
    "NewRecord",
    "Record",
    "Recorder",
    "RecordsError",
    "ReusedEventIdError",
    "Snapshot",
    "StorageError",
]
