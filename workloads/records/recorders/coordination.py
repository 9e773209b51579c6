"""The recorder on a store that coordinates (``workloads/ports/coordination``): a group of ours or etcd, for writers on several machines.

Rule 1: an append is one key, the next in a row of slots, made by a compare-and-set that wants it absent. Of two writers one gets the slot;
the other reads it and decides again. So positions have no gaps, and an append is there completely or not at all.
Rule 2: every recorder has a copy of the whole log in memory, and brings it up to date before it answers. The store below has it in memory,
too: this is for thousands of events that many must agree on, not for millions.
Rule 3: an append that may or may not have been kept says so; repeated with its ids it is kept once.
Rule 4: a snapshot is one key, and a deleted one is gone from the store; the store's own log forgets it when that is compacted.
"""

from __future__ import annotations

import asyncio
import json
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from hashlib import blake2b
from typing import Any, Final

from workloads.ports.coordination import Coordination, CoordinationError, RefusedError, UnavailableError
from workloads.ports.recorder import BusyError, CorruptError, MemoryRecorder, NewRecord, Record, Snapshot, StorageError
from workloads.records.recorders.polling import wait_for_record

_FORMAT: Final = "1"
#: Slots that are read at once: of at most a mebibyte each, and a store limits what it lists at once.
_CHUNK: Final = 10


class CoordinationRecorder:
    """Keeps events under the keys that begin with ``prefix``.

    Args:
        connect: returns a new client of the store, in the event loop of the recorder's own thread.
        prefix: of this log's keys; logs with different prefixes share a store.

    Raises:
        StorageError: the store cannot be reached, or a newer version of this program keeps the log.
    """

    def __init__(self, connect: Callable[[], AbstractAsyncContextManager[Coordination]], prefix: str = "records/") -> None:
        self._prefix = prefix
        self._lock = threading.RLock()
        self._copy = MemoryRecorder()
        self._slots = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="records", daemon=True)
        self._thread.start()
        self._connection = connect()
        try:
            with self._asking():
                self._store = self._await(self._connection.__aenter__())
                self._check_format()
        except BaseException:
            self.close()
            raise

    def append(self, stream: str, expected_version: int | None, records: Sequence[NewRecord], at_us: int) -> int:
        """See :class:`~workloads.ports.recorder.Recorder`."""
        with self._asking():
            while True:
                self._catch_up()
                new = self._copy.check(stream, expected_version, records, at_us)
                if isinstance(new, int):
                    return new
                if self._await(self._store.compare_and_set(self._slot(self._slots), None, _encoded(new))) is not None:
                    self._copy.add(new)
                    self._slots += 1
                    return new[-1].position

    def read_stream(self, stream: str, after_version: int = 0, limit: int | None = None) -> list[Record]:
        """See :class:`~workloads.ports.recorder.Recorder`."""
        return self._fresh().read_stream(stream, after_version, limit)

    def read_all(self, after_position: int = 0, limit: int | None = None, subject: str | None = None) -> list[Record]:
        """See :class:`~workloads.ports.recorder.Recorder`."""
        return self._fresh().read_all(after_position, limit, subject)

    def head(self) -> int:
        """See :class:`~workloads.ports.recorder.Recorder`."""
        return self._fresh().head()

    def wait(self, after_position: int, timeout_s: float) -> bool:
        """See :class:`~workloads.ports.recorder.Recorder`; asks every 20 ms, because writers may be other processes."""
        return wait_for_record(self.head, after_position, timeout_s)

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """See :class:`~workloads.ports.recorder.Recorder`."""
        key = self._snapshot_key(snapshot.stream)
        value = json.dumps([snapshot.stream, snapshot.version, snapshot.schema, b64encode(snapshot.data).decode(), snapshot.subject])
        with self._asking():
            while True:
                there = self._await(self._store.get(key))
                if there is not None and _snapshot(key, there.value).version > snapshot.version:
                    return
                if self._await(self._store.compare_and_set(key, there.value if there else None, value)) is not None:
                    return

    def read_snapshot(self, stream: str) -> Snapshot | None:
        """See :class:`~workloads.ports.recorder.Recorder`."""
        key = self._snapshot_key(stream)
        with self._asking():
            there = self._await(self._store.get(key))
        return _snapshot(key, there.value) if there is not None else None

    def drop_snapshots(self, *, stream: str | None = None, subject: str | None = None) -> int:
        """See :class:`~workloads.ports.recorder.Recorder`."""
        with self._asking():
            found = {each.key: _snapshot(each.key, each.value) for each in self._await(self._store.list(f"{self._prefix}snapshots/")).keys}
            gone = [key for key, each in found.items() if each.stream == stream or (subject is not None and each.subject == subject)]
            return sum(self._await(self._store.delete(key)) for key in gone)

    def close(self) -> None:
        """Close the connection and end the thread."""
        if self._loop.is_closed():
            return
        with self._lock:
            if hasattr(self, "_store"):
                self._await(self._connection.__aexit__(None, None, None))
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _check_format(self) -> None:
        key = f"{self._prefix}format"
        if self._await(self._store.compare_and_set(key, None, _FORMAT)) is None:
            there = self._await(self._store.get(key))
            if there is not None and there.value != _FORMAT:
                raise StorageError(f"{key}: has format {there.value!r}; this version reads {_FORMAT}: use a newer one, or another prefix")

    def _fresh(self) -> MemoryRecorder:
        with self._asking():
            self._catch_up()
        return self._copy

    def _catch_up(self) -> None:
        while self._await(self._store.get(self._slot(self._slots))) is not None:
            for each in self._await(self._store.list(self._chunk(self._slots))).keys:
                if each.key == self._slot(self._slots):
                    self._copy.add(_decoded(each.key, each.value, self._copy.head()))
                    self._slots += 1

    def _slot(self, number: int) -> str:
        return f"{self._chunk(number)}{number % _CHUNK}"

    def _chunk(self, number: int) -> str:
        return f"{self._prefix}log/{number // _CHUNK:012d}/"

    def _snapshot_key(self, stream: str) -> str:
        return f"{self._prefix}snapshots/{blake2b(stream.encode(), digest_size=20).hexdigest()}"

    def _await(self, asked: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(asked, self._loop).result()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except UnavailableError as error:
                raise BusyError(f"{self._prefix}: {error}; nothing was kept, try again") from error
            except RefusedError as error:
                raise StorageError(f"{self._prefix}: {error}; append fewer or shorter events at a time") from error
            except CoordinationError as error:
                raise StorageError(f"{self._prefix}: {error}; append it again with the same event ids") from error


def _encoded(new: Sequence[Record]) -> str:
    first = new[0]
    records = [[each.event_id.hex(), each.kind, each.schema, each.subject, b64encode(each.data).decode()] for each in new]
    return json.dumps([first.stream, first.version, first.at_us, records], separators=(",", ":"))


def _decoded(key: str, value: str, position: int) -> list[Record]:
    try:
        stream, version, at_us, records = json.loads(value)
        return [
            Record(position + place, stream, version + place - 1, bytes.fromhex(event_id), kind, schema, at_us, subject, b64decode(data))
            for place, (event_id, kind, schema, subject, data) in enumerate(records, 1)
        ]
    except (ValueError, TypeError) as error:
        raise CorruptError(f"{key}: is no append of ours ({error}); who else writes under this prefix?") from error


def _snapshot(key: str, value: str) -> Snapshot:
    try:
        stream, version, schema, data, subject = json.loads(value)
        return Snapshot(stream, version, schema, b64decode(data), subject)
    except (ValueError, TypeError) as error:
        raise CorruptError(f"{key}: is no snapshot of ours ({error}); who else writes under this prefix?") from error
