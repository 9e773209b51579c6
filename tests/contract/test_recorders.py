"""What a recorder promises (workloads/ports/recorder), asked of every one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workloads.consensus.client.store import ConsensusCoordination
from workloads.consensus.local import LocalGroup
from workloads.ports.coordination import Coordination, InMemoryCoordination
from workloads.ports.recorder import ConflictError, MemoryRecorder, NewRecord, Recorder, ReusedEventIdError, Snapshot
from workloads.records.recorders.coordination import CoordinationRecorder
from workloads.records.recorders.sqlite import SqliteRecorder

Make = Callable[[], Recorder]


@asynccontextmanager
async def fake(store: Coordination) -> AsyncIterator[Coordination]:
    yield store


@pytest.fixture(scope="session")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGroup]:
    with LocalGroup(tmp_path_factory.mktemp("group")) as started:
        yield started


@pytest.fixture(params=["memory", "sqlite", "store", pytest.param("group", marks=pytest.mark.coordination)])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Return a maker of recorders, each with a log of its own; ``store`` is the shipped fake of a coordination store."""
    made: list[Recorder] = []

    def new(number: int) -> Recorder:
        match request.param:
            case "memory":
                return MemoryRecorder()
            case "sqlite":
                return SqliteRecorder(tmp_path / f"{number}.db")
            case "store":
                return CoordinationRecorder(lambda: fake(InMemoryCoordination()))
        members = request.getfixturevalue("group")
        prefix = f"{tmp_path.name}/{number}/"  # another one for a second try
        return CoordinationRecorder(lambda: ConsensusCoordination(members.cluster, members.members, timeout_s=60.0), prefix)

    def make() -> Recorder:
        made.append(new(len(made)))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def recorder(make: Make) -> Recorder:
    return make()


def event(number: int, subject: str | None = None) -> NewRecord:
    return NewRecord(number.to_bytes(16), "counted", 1, b'{"number":%d}' % number, subject)


def test_a_record_comes_back_as_it_was_given(recorder: Recorder) -> None:
    assert recorder.append("a", 0, [event(1), event(2, "key")], 10) == 2
    first, second = recorder.read_stream("a")
    assert first == (1, "a", 1, (1).to_bytes(16), "counted", 1, 10, None, b'{"number":1}')
    assert second == (2, "a", 2, (2).to_bytes(16), "counted", 1, 10, "key", b'{"number":2}')


def test_an_empty_log_has_nothing(recorder: Recorder) -> None:
    assert (recorder.head(), recorder.read_all(), recorder.read_stream("a"), recorder.read_snapshot("a")) == (0, [], [], None)


def test_a_stream_at_another_version_takes_nothing(recorder: Recorder) -> None:
    recorder.append("a", 0, [event(1)], 0)
    with pytest.raises(ConflictError, match="stream 'a' is at version 1, not 0") as caught:
        recorder.append("a", 0, [event(2)], 0)
    assert (caught.value.expected, caught.value.actual) == (0, 1)
    with pytest.raises(ConflictError):
        recorder.append("b", 3, [event(2)], 0)
    assert recorder.head() == 1


def test_positions_have_no_gap_after_a_refused_append(recorder: Recorder) -> None:
    recorder.append("a", 0, [event(1)], 0)
    for refused in ([event(2), event(1)], [event(3), event(3)]):
        with pytest.raises(ReusedEventIdError):
            recorder.append("b", 0, refused, 0)
    assert recorder.append("b", 0, [event(2), event(3)], 0) == 3
    assert [(r.position, r.stream, r.version) for r in recorder.read_all()] == [(1, "a", 1), (2, "b", 1), (3, "b", 2)]


def test_an_append_that_is_repeated_changes_nothing(recorder: Recorder) -> None:
    batch = [event(1), event(2)]
    first = recorder.append("a", 0, batch, 0)
    recorder.append("a", 2, [event(3)], 0)
    assert recorder.append("a", 0, batch, 0) == first
    assert recorder.append("a", None, batch, 0) == first
    assert recorder.head() == 3


@pytest.mark.parametrize(("stream", "numbers"), [("b", (1, 2)), ("a", (2, 1)), ("a", (1, 9)), ("a", (9, 2))])
def test_ids_of_other_events_are_refused(recorder: Recorder, stream: str, numbers: tuple[int, int]) -> None:
    recorder.append("a", 0, [event(1), event(2)], 0)
    with pytest.raises(ReusedEventIdError, match=r"stands for an event of 'a' already"):
        recorder.append(stream, None, [event(number) for number in numbers], 0)
    assert recorder.head() == 2


def test_readers_page_through_streams_the_log_and_subjects(recorder: Recorder) -> None:
    for number in range(1, 8):
        recorder.append("odd" if number % 2 else "even", None, [event(number, "key" if number > 3 else None)], 0)
    assert [r.position for r in recorder.read_all(2, 3)] == [3, 4, 5]
    assert [r.version for r in recorder.read_stream("odd", 1, 2)] == [2, 3]
    assert [r.position for r in recorder.read_all(4, 2, "key")] == [5, 6]
    assert recorder.read_all(0, None, "other") == []


def test_a_clock_that_runs_backwards_does_not_turn_the_log_around(recorder: Recorder) -> None:
    for number, at_us in enumerate((100, 40, 120), 1):
        recorder.append("a", None, [event(number)], at_us)
    assert [record.at_us for record in recorder.read_all()] == [100, 100, 120]


def test_the_newest_snapshot_of_a_stream_stays(recorder: Recorder) -> None:
    for version in (5, 3):
        recorder.save_snapshot(Snapshot("a", version, 1, b"%d" % version, "key"))
    assert recorder.read_snapshot("a") == Snapshot("a", 5, 1, b"5", "key")
    recorder.save_snapshot(Snapshot("b", 1, 1, b"", None))
    assert recorder.drop_snapshots(subject="key") == 1
    assert recorder.drop_snapshots(stream="b") == 1
    assert (recorder.read_snapshot("a"), recorder.read_snapshot("b")) == (None, None)


def test_a_reader_that_waits_is_woken(recorder: Recorder) -> None:
    assert not recorder.wait(0, 0)
    with ThreadPoolExecutor(1) as writer:
        writer.submit(recorder.append, "a", 0, [event(1)], 0)
        assert recorder.wait(0, 120)


def test_of_many_writers_of_one_stream_each_version_has_one(recorder: Recorder) -> None:
    def write(writer: int) -> None:
        done = 0
        while done < 10:
            version = len(recorder.read_stream("a"))
            try:
                recorder.append("a", version, [event(100 * writer + done)], 0)
            except ConflictError:
                continue
            done += 1

    with ThreadPoolExecutor(4) as writers:
        list(writers.map(write, range(4)))
    log = recorder.read_all()
    assert [(record.position, record.version) for record in log] == [(n, n) for n in range(1, 41)]
    for writer_number in range(4):
        own = [int.from_bytes(r.event_id) for r in log if int.from_bytes(r.event_id) // 100 == writer_number]
        assert own == sorted(own)


Appends = st.lists(st.tuples(st.sampled_from("abc"), st.integers(-1, 4), st.lists(st.integers(0, 12), min_size=1, max_size=3)), max_size=12)


@given(Appends)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_recorder_answers_as_the_one_in_memory(make: Make, appends: list[tuple[str, int, list[int]]]) -> None:
    def answers(recorder: Recorder) -> list[object]:
        found: list[object] = []
        for at_us, (stream, expected, numbers) in enumerate(appends):
            try:
                found.append(recorder.append(stream, None if expected < 0 else expected, [event(n) for n in numbers], at_us))
            except (ConflictError, ReusedEventIdError) as error:
                found.append(type(error))
        return [*found, recorder.read_all(), recorder.read_stream("a", 1)]

    asked = make()
    assert answers(asked) == answers(MemoryRecorder())
    asked.close()
