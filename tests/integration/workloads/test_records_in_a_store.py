"""The recorder on a coordination store: several of them on one log, and a store that fails or holds something else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from workloads.ports.coordination import (
    Coordination,
    CoordinationError,
    InMemoryCoordination,
    RefusedError,
    UnavailableError,
    UnknownOutcomeError,
)
from workloads.ports.recorder import BusyError, ConflictError, CorruptError, NewRecord, Snapshot, StorageError
from workloads.records.recorders.coordination import CoordinationRecorder


def event(number: int, data: bytes = b"") -> NewRecord:
    return NewRecord(number.to_bytes(16), "counted", 1, data)


class Failing(InMemoryCoordination):
    """Carries out its next compare-and-set and raises ``error`` all the same, or does not where ``carries_out`` is False."""

    error: CoordinationError | None = None
    carries_out = True

    async def compare_and_set(self, key: str, expected: str | None, value: str, *, lease: str | None = None) -> int | None:
        error, self.error = self.error, None
        done = await super().compare_and_set(key, expected, value, lease=lease) if error is None or self.carries_out else None
        if error is not None:
            raise error
        return done


Open = Callable[[], CoordinationRecorder]


@pytest.fixture
def store() -> Failing:
    return Failing()


@pytest.fixture
def open_(store: Failing) -> Iterator[Open]:
    @asynccontextmanager
    async def connect() -> AsyncIterator[Coordination]:
        yield store

    opened: list[CoordinationRecorder] = []

    def open_() -> CoordinationRecorder:
        opened.append(CoordinationRecorder(connect))
        return opened[-1]

    yield open_
    for each in opened:
        each.close()


def test_two_recorders_write_one_log_without_gaps(open_: Open) -> None:
    one, other = open_(), open_()
    for number in range(100):  # several chunks of slots
        (one, other)[number % 2].append("ab"[number % 2], None, [event(number)], 0)
    assert one.read_all() == other.read_all() == open_().read_all()
    assert [each.position for each in one.read_all()] == list(range(1, 101))
    with pytest.raises(ConflictError):
        one.append("b", 49, [event(100)], 0)


def test_a_reader_waits_for_another_process(open_: Open) -> None:
    one, other = open_(), open_()
    writer = threading.Thread(target=other.append, args=("a", 0, [event(1)], 0))
    writer.start()
    assert one.wait(0, 120)
    writer.join()
    assert not one.wait(1, 0.01)


def test_nothing_is_kept_where_the_store_does_nothing(store: Failing, open_: Open) -> None:
    recorder = open_()
    store.error, store.carries_out = UnavailableError("nobody leads"), False
    with pytest.raises(BusyError, match=r"records/: nobody leads; nothing was kept, try again"):
        recorder.append("a", 0, [event(1)], 0)
    assert recorder.head() == 0
    assert recorder.append("a", 0, [event(1)], 0) == 1


@pytest.mark.parametrize("carries_out", [True, False])
def test_an_append_whose_end_is_unknown_is_kept_once_when_it_is_repeated(store: Failing, open_: Open, carries_out: bool) -> None:
    recorder = open_()
    store.error, store.carries_out = UnknownOutcomeError("the connection was lost"), carries_out
    with pytest.raises(StorageError, match="the connection was lost; append it again with the same event ids"):
        recorder.append("a", 0, [event(1)], 0)
    assert recorder.head() == carries_out
    assert recorder.append("a", 0, [event(1)], 0) == 1
    assert open_().head() == 1


def test_a_batch_that_is_too_long_is_refused(open_: Open) -> None:
    recorder = open_()
    with pytest.raises(StorageError, match="append fewer or shorter events at a time"):
        recorder.append("a", 0, [event(1, b"x" * (1 << 20))], 0)
    assert recorder.append("a", 0, [event(1)], 0) == 1


@pytest.mark.parametrize("value", ["no JSON", "{}", "[1]", '["a", 1, 0, [["zz", "k", 1, null, ""]]]'])
def test_what_is_no_append_of_ours_is_named(store: Failing, open_: Open, value: str) -> None:
    recorder = open_()
    asyncio.run(store.put("records/log/000000000000/0", value))
    with pytest.raises(CorruptError, match="records/log/000000000000/0: is no append of ours"):
        recorder.read_all()


def test_what_is_no_snapshot_of_ours_is_named(store: Failing, open_: Open) -> None:
    recorder = open_()
    recorder.save_snapshot(Snapshot("a", 1, 1, b""))
    (key,) = [key for key in store._keys if "snapshots" in key]
    asyncio.run(store.put(key, "[]"))
    with pytest.raises(CorruptError, match="is no snapshot of ours"):
        recorder.read_snapshot("a")


def test_a_log_of_a_newer_version_is_refused(store: Failing, open_: Open) -> None:
    asyncio.run(store.put("records/format", "2"))
    with pytest.raises(StorageError, match="records/format: has format '2'; this version reads 1"):
        open_()


def test_a_store_that_refuses_is_no_recorder(store: Failing, open_: Open) -> None:
    store.error, store.carries_out = RefusedError("this is another group"), False
    with pytest.raises(StorageError, match="this is another group"):
        open_()
