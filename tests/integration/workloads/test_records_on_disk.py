"""The SQLite recorder on a disk that fails: damaged, full, locked, foreign, newer, read-only."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from workloads.ports.recorder import BusyError, ConflictError, CorruptError, FullError, NewRecord, Snapshot, StorageError
from workloads.records.recorders.sqlite import SqliteRecorder, _Append


def event(number: int, size: int = 10) -> NewRecord:
    return NewRecord(number.to_bytes(16), "counted", 1, b"%d" % number * size)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with_events = SqliteRecorder(tmp_path / "events.db")
    with_events.append("a", 0, [event(number) for number in range(50)], 1)
    with_events.close()
    return tmp_path / "events.db"


def test_everything_is_there_when_it_is_opened_again(path: Path) -> None:
    again = SqliteRecorder(path)
    assert again.verify() == again.head() == 50
    assert again.append("a", 50, [event(50)], 0) == 51
    assert again.read_all(50)[0].at_us == 1


def test_two_processes_write_one_log(path: Path) -> None:
    one, other = SqliteRecorder(path), SqliteRecorder(path)
    for number in range(50, 60):
        (one, other)[number % 2].append("b", None, [event(number)], 0)
    assert [r.version for r in one.read_stream("b")] == list(range(1, 11))
    assert one.head() == other.head() == 60


def test_a_reader_waits_for_another_process(path: Path) -> None:
    one, other = SqliteRecorder(path), SqliteRecorder(path)
    writer = threading.Thread(target=other.append, args=("b", 0, [event(50)], 0))
    writer.start()
    assert one.wait(50, 120)
    writer.join()
    assert not one.wait(51, 0.01)


def test_a_changed_record_is_found_by_its_checksum(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("UPDATE events SET data = x'00' WHERE position = 7")
    db.close()
    damaged = SqliteRecorder(path)
    assert len(damaged.read_all(7)) == 43
    with pytest.raises(CorruptError, match=r"events\.db: the record at position 7 is damaged .* restore the file from a backup"):
        damaged.read_all()
    with pytest.raises(CorruptError):
        damaged.verify()


def test_a_missing_record_is_found(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM events WHERE position = 7")
    db.close()
    with pytest.raises(CorruptError, match="records are missing after position"):
        SqliteRecorder(path).verify()


def test_damaged_pages_are_an_error_that_names_the_file(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    damaged = SqliteRecorder(path)
    with pytest.raises(CorruptError, match=r"events\.db: .*malformed; restore the file from a backup"):
        damaged.append("a", 50, [event(50)], 0)


def test_a_damaged_snapshot_counts_as_none(path: Path) -> None:
    recorder = SqliteRecorder(path)
    recorder.save_snapshot(Snapshot("a", 1, 1, b"good"))
    with sqlite3.connect(path) as db:
        db.execute("UPDATE snapshots SET data = x'00'")
    db.close()
    assert recorder.read_snapshot("a") is None


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be one" * 9, b"short"])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "notes.txt").write_bytes(content)
    with pytest.raises(CorruptError, match=r"notes\.txt: .*it is not an SQLite file"):
        SqliteRecorder(tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_bytes() == content


def test_the_database_of_another_program_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as db:
        db.execute("CREATE TABLE events (a)")
    db.close()
    with pytest.raises(StorageError, match="database of another program; name another file"):
        SqliteRecorder(tmp_path / "other.db")


def test_a_newer_format_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 9")
    db.close()
    with pytest.raises(StorageError, match="has format 9; this version reads 1"):
        SqliteRecorder(path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="check that its folder exists"):
        SqliteRecorder(tmp_path / "nowhere" / "events.db")


def test_a_full_disk_keeps_nothing_of_the_append(path: Path) -> None:
    recorder = SqliteRecorder(path)
    pages = recorder._db.execute("PRAGMA page_count").fetchone()[0]
    recorder._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(FullError, match="nothing was kept; free some space"):
        recorder.append("b", 0, [event(number, 5000) for number in range(60, 70)], 0)
    assert (recorder.head(), recorder.read_stream("b")) == (50, [])
    recorder._db.execute("PRAGMA max_page_count = 100000")
    assert recorder.append("b", 0, [event(60, 5000)], 0) == 51


def test_a_writer_that_waits_too_long_says_who_is_at_fault(path: Path) -> None:
    recorder = SqliteRecorder(path, busy_s=0.01)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(BusyError, match="another process is writing"):
        recorder.append("b", 0, [event(60)], 0)
    assert recorder.head() == 50  # readers do not wait
    other.execute("ROLLBACK")
    other.close()
    assert recorder.append("b", 0, [event(60)], 0) == 51


def test_appends_that_wait_for_a_writer_share_its_next_commit(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, batches, gate = SqliteRecorder(path), list[int](), threading.Event()
    write = recorder._write

    def slow(batch: list[Any]) -> None:
        batches.append(len(batch))
        assert gate.wait(120)
        write(batch)

    monkeypatch.setattr(recorder, "_write", slow)
    answers: dict[int, object] = {}

    def append(number: int, expected_version: int) -> None:
        try:
            answers[number] = recorder.append("b", expected_version, [event(number)], 0)
        except ConflictError as error:
            answers[number] = type(error)

    writers = [threading.Thread(target=append, args=(number, number - 60)) for number in range(60, 65)]
    writers[0].start()
    while not batches:  # it has begun to write
        threading.Event().wait(0.001)
    for place, writer in enumerate((*writers[1:], threading.Thread(target=append, args=(70, 0))), 1):
        writer.start()
        while len(recorder._waiting) < place:
            threading.Event().wait(0.001)
        writers.append(writer)
    gate.set()
    for writer in writers:
        writer.join(120)
    assert batches == [1, 5]
    assert answers == {60: 51, 61: 52, 62: 53, 63: 54, 64: 55, 70: ConflictError}  # one that is refused leaves the others alone


def test_a_batch_that_cannot_be_kept_fails_for_each_of_its_writers(path: Path) -> None:
    recorder = SqliteRecorder(path)
    recorder._db.execute(f"PRAGMA max_page_count = {recorder._db.execute('PRAGMA page_count').fetchone()[0]}")
    batch = [_Append("b", None, [event(number, 5000)], 0) for number in range(60, 63)]
    recorder._write(batch)
    assert [type(each.error) for each in batch] == [FullError] * 3
    assert all(each.done for each in batch)
    assert recorder.head() == 50


def test_a_backup_is_a_whole_store(path: Path, tmp_path: Path) -> None:
    recorder = SqliteRecorder(path)
    recorder.backup(tmp_path / "copy.db")
    recorder.append("a", 50, [event(50)], 0)
    copy = SqliteRecorder(tmp_path / "copy.db")
    assert copy.read_all() == recorder.read_all(0, 50)
    with pytest.raises(StorageError):
        recorder.backup(tmp_path / "nowhere" / "copy.db")
