"""A member's disk on a real folder and on the simulation's faulty one: what was acknowledged is there after whatever happens."""

from __future__ import annotations

import errno
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from workloads.consensus.errors import CorruptLogError, OwnerError, VersionError
from workloads.consensus.raft.configuration import Configuration
from workloads.consensus.raft.messages import Effects, Entry, HardState, Snapshot
from workloads.consensus.simulation.disk import Crash, FaultyFiles
from workloads.consensus.wal import records, snapshots
from workloads.consensus.wal.files import Files, Folder
from workloads.consensus.wal.storage import Storage

FIRST = Snapshot(0, 0, Configuration(frozenset("abc")), b"")
SEGMENT_BYTES = 512
State = tuple[Snapshot, HardState, list[Entry]]


@pytest.fixture(params=["folder", "faulty"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Files]:
    if request.param == "faulty":
        yield FaultyFiles(random.Random(1))
        return
    folder = Folder(tmp_path)
    yield folder
    folder.close()


def storage(files: Files, **others: str) -> Storage:
    return Storage(files, FIRST, segment_bytes=SEGMENT_BYTES, **others)


def entries(first: int, last: int, term: int = 1) -> tuple[Entry, ...]:
    return tuple(Entry(index, term, data=b"x" * 20 + b"%d" % index) for index in range(first, last + 1))


#: Batches as a member writes them, over several segments: entries, a vote, a replaced end, its own snapshot, another's.
BATCHES = (
    Effects(hard_state=HardState(1, "a"), entries=entries(1, 3)),
    *(Effects(entries=entries(first, first + 3)) for first in range(4, 24, 4)),
    Effects(hard_state=HardState(2, None), entries=entries(20, 22, term=2)),
    Effects(snapshot=Snapshot(12, 1, FIRST.configuration, b"twelve")),
    Effects(entries=entries(23, 30, term=2)),
    Effects(snapshot=Snapshot(40, 3, FIRST.configuration, b"forty"), hard_state=HardState(3, None)),
    Effects(entries=entries(41, 44, term=3)),
)


def expected(batches: int) -> State:
    """Return what a disk must have after so many batches, by a second and simpler account."""
    snapshot, state, log = FIRST, HardState(), dict[int, Entry]()
    for effects in BATCHES[:batches]:
        state = effects.hard_state or state
        for entry in effects.entries:
            log = {index: each for index, each in log.items() if index < entry.index} | {entry.index: entry}
        if effects.snapshot is not None:
            snapshot = effects.snapshot
            same = snapshot.index in log and log[snapshot.index].term == snapshot.term
            log = {index: each for index, each in log.items() if same and index > snapshot.index}
    return snapshot, state, list(log.values())


def write_all(files: Files, acknowledge: Callable[[], None]) -> None:
    disk = storage(files)
    disk.load()
    for effects in BATCHES:
        disk.write(effects)
        disk.sync()
        acknowledge()


def test_what_was_synced_is_read_again(files: Files) -> None:
    disk = storage(files)
    assert disk.load() == (FIRST, HardState(), [])
    for number, effects in enumerate(BATCHES, start=1):
        disk.write(effects)
        disk.sync()
        disk = storage(files)
        assert disk.load() == expected(number), number


def test_what_a_snapshot_covers_is_removed(files: Files) -> None:
    write_all(files, lambda: None)
    assert [name for name in files.names() if name.endswith(".snapshot")] == ["0000000000000028.snapshot"]
    assert len(files.names()) == 2


def test_another_members_folder_and_a_newer_versions_are_refused(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    storage(files, owner="shop/a").load()
    with pytest.raises(OwnerError, match=r"00000001.wal: the log of shop/a, not of shop/b; give this member its own folder with --data"):
        storage(files, owner="shop/b").load()
    monkeypatch.setattr(snapshots, "_VERSION", 2)
    snapshots.save(files, FIRST)
    monkeypatch.undo()
    with pytest.raises(VersionError, match="a snapshot of version 2, and this program knows 1"):
        storage(files, owner="shop/a").load()


def test_a_torn_end_is_cut_and_written_over(files: Files) -> None:
    disk = storage(files)
    disk.load()
    disk.write(BATCHES[0])
    disk.sync()
    end = len(files.read("00000001.wal").rstrip(b"\0"))
    files.write("00000001.wal", end, records.encode(entries(4, 6))[:-3])
    disk = storage(files)
    assert disk.load() == expected(1)
    assert len(files.read("00000001.wal").rstrip(b"\0")) == end
    disk.write(BATCHES[1])
    disk.sync()
    assert storage(files).load() == expected(2)


@pytest.mark.parametrize("damage", ["middle", "segment", "snapshot"])
def test_what_was_durable_and_is_damaged_is_refused_by_name_and_left_alone(files: Files, damage: str) -> None:
    disk = storage(files)
    disk.load()
    for effects in BATCHES[: 10 if damage == "snapshot" else 5]:
        disk.write(effects)
        disk.sync()
    name = files.names()[0]
    if damage == "segment":
        name = files.names()[1]
        files.remove(name)
    else:
        place = len(files.read(name)) - 1 if damage == "snapshot" else 100
        files.write(name, place, bytes([files.read(name)[place] ^ 1]))
    before = {each: files.read(each) for each in files.names()}
    with pytest.raises(CorruptLogError, match=rf"{name}.*nothing was changed. Restore the file from a backup, or remove this member"):
        storage(files).load()
    assert {each: files.read(each) for each in files.names()} == before


def test_a_crash_at_every_operation_keeps_what_was_acknowledged() -> None:
    """Twice over, because recovery is interrupted, too; five draws each of what a disk keeps."""
    count = FaultyFiles(random.Random(0))
    write_all(count, lambda: None)
    assert count.operations > 50
    for at in range(1, count.operations + 1):
        for seed in range(5):
            files, acknowledged = FaultyFiles(random.Random(seed)), list[None]()
            files.crash_at = at
            with pytest.raises(Crash):
                write_all(files, lambda: acknowledged.append(None))  # noqa: B023 - called in this turn
            files.crash()
            files.crash_at = files.operations + 1 + seed
            try:
                found = storage(files).load()
            except Crash:
                files.crash()
                found = storage(files).load()
            files.crash_at = None
            assert found in possible(len(acknowledged)), (at, seed)


def possible(acknowledged: int) -> list[State]:
    """What may be found: also the batch that was under way, or of that the snapshot without the vote beside it."""
    before, after = expected(acknowledged), expected(min(acknowledged + 1, len(BATCHES)))
    return [before, after, (after[0], before[1], after[2])]


def test_a_full_disk_loses_nothing_that_was_acknowledged() -> None:
    count = FaultyFiles(random.Random(0))
    write_all(count, lambda: None)
    refused = 0
    for at in range(1, count.operations + 1):
        files, acknowledged = FaultyFiles(random.Random(at)), list[None]()
        files.full_from = at
        try:
            write_all(files, lambda: acknowledged.append(None))  # noqa: B023 - called in this turn
        except OSError as error:
            refused += error.errno == errno.ENOSPC
        files.crash()
        found = storage(files).load()
        assert found in possible(len(acknowledged)), at
    assert refused > 10


def test_a_disk_that_lies_is_no_disk() -> None:
    files = FaultyFiles(random.Random(1), loses_syncs=True)
    write_all(files, lambda: None)
    files.crash()
    try:
        found = storage(files).load()
    except CorruptLogError:
        return
    assert found != expected(len(BATCHES))


def test_the_owner_is_written_with_each_segment(files: Files) -> None:
    disk = storage(files, owner="shop/a")
    disk.load()
    for effects in BATCHES[:6]:
        disk.write(replace(effects, snapshot=None))
        disk.sync()
    heads = [records.decode(files.read(name), name=name)[0][0] for name in files.names()]
    assert len(heads) > 2
    assert {isinstance(head, records.Segment) and head.owner for head in heads} == {"shop/a"}
