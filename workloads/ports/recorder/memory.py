"""The recorder that keeps nothing beyond the process: for tests, and for what need not outlive it."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Sequence
from itertools import islice

from workloads.ports.recorder.errors import ConflictError, ReusedEventIdError
from workloads.ports.recorder.protocol import NewRecord, Record, Snapshot


class MemoryRecorder:
    """Keeps events in lists."""

    def __init__(self) -> None:
        self._log: list[Record] = []
        self._streams: defaultdict[str, list[Record]] = defaultdict(list)
        self._by_id: dict[bytes, Record] = {}
        self._snapshots: dict[str, Snapshot] = {}
        self._grown = threading.Condition()

    def append(self, stream: str, expected_version: int | None, records: Sequence[NewRecord], at_us: int) -> int:
        """See :class:`~workloads.ports.recorder.Recorder`."""
        with self._grown:
            new = self.check(stream, expected_version, records, at_us)
            if isinstance(new, int):
                return new
            self.add(new)
            return len(self._log)

    def check(self, stream: str, expected_version: int | None, records: Sequence[NewRecord], at_us: int) -> list[Record] | int:
        """Return what an append would add, or the position of the same append before. Adds nothing; raises as ``append``."""
        log, by_id = self._log, self._by_id
        version, position = len(self._streams.get(stream, ())), len(log)
        if not by_id.keys().isdisjoint([record.event_id for record in records]):
            return self._position_of_earlier(stream, records)
        if expected_version is not None and expected_version != version:
            raise ConflictError(stream, expected_version, version)
        if log and log[-1].at_us > at_us:
            at_us = log[-1].at_us
        new = [
            Record(position + place, stream, version + place, event_id, kind, schema, at_us, subject, data)
            for place, (event_id, kind, schema, data, subject) in enumerate(records, 1)
        ]
        if len({record.event_id for record in new}) < len(new):
            raise ReusedEventIdError(f"stream {stream!r}: one event id occurs twice in a batch")
        return new

    def add(self, new: Sequence[Record]) -> None:
        """Add what ``check`` returned; nothing else was added since."""
        with self._grown:
            self._by_id.update((record.event_id, record) for record in new)
            self._log += new
            self._streams[new[0].stream] += new
            self._grown.notify_all()

    def _position_of_earlier(self, stream: str, records: Sequence[NewRecord]) -> int:
        earlier = [self._by_id.get(record.event_id) for record in records]
        return position_of_earlier(stream, earlier)

    def read_stream(self, stream: str, after_version: int = 0, limit: int | None = None) -> list[Record]:
        """See :class:`~workloads.ports.recorder.Recorder`."""
        with self._grown:
            found = self._streams.get(stream, [])
            return found[after_version : None if limit is None else after_version + limit]

    def read_all(self, after_position: int = 0, limit: int | None = None, subject: str | None = None) -> list[Record]:
        """See :class:`~workloads.ports.recorder.Recorder`."""
        with self._grown:
            if subject is None:
                return self._log[after_position : None if limit is None else after_position + limit]
            return list(islice((r for r in islice(self._log, after_position, None) if r.subject == subject), limit))

    def head(self) -> int:
        """See :class:`~workloads.ports.recorder.Recorder`."""
        return len(self._log)

    def wait(self, after_position: int, timeout_s: float) -> bool:
        """See :class:`~workloads.ports.recorder.Recorder`."""
        with self._grown:
            return self._grown.wait_for(lambda: len(self._log) > after_position, timeout_s)

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """See :class:`~workloads.ports.recorder.Recorder`."""
        with self._grown:
            older = self._snapshots.get(snapshot.stream)
            if older is None or older.version <= snapshot.version:
                self._snapshots[snapshot.stream] = snapshot

    def read_snapshot(self, stream: str) -> Snapshot | None:
        """See :class:`~workloads.ports.recorder.Recorder`."""
        return self._snapshots.get(stream)

    def drop_snapshots(self, *, stream: str | None = None, subject: str | None = None) -> int:
        """See :class:`~workloads.ports.recorder.Recorder`."""
        with self._grown:
            kept = self._snapshots.values()
            gone = [each.stream for each in kept if each.stream == stream or (subject is not None and each.subject == subject)]
            for name in gone:
                del self._snapshots[name]
            return len(gone)

    def close(self) -> None:
        """Do nothing: there is nothing to give back."""


def position_of_earlier(stream: str, earlier: Sequence[Record | None]) -> int:
    """Return the last position of a batch that was recorded before.

    Raises:
        ReusedEventIdError: a part is new, or stands elsewhere, or in another order.
    """
    kept = [record for record in earlier if record is not None]
    first = kept[0]
    expected = [(stream, first.version + place) for place in range(len(earlier))]
    if [(record.stream, record.version) for record in kept] != expected:
        raise ReusedEventIdError(
            f"stream {stream!r}: event id {first.event_id.hex()} stands for an event of {first.stream!r} already;"
            " repeat a batch whole and in order, and give new events new ids"
        )
    return kept[-1].position
