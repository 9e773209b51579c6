"""Projections and commands: built, resumed after a crash, built again; snapshots that equal a replay."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workloads.ports.recorder import ConflictError, MemoryRecorder, NewRecord
from workloads.records.commands import CommandSide, Decider, Snapshots
from workloads.records.events.catalogue import Catalogue
from workloads.records.projections.projector import Projector
from workloads.records.store import Event, EventStore


@dataclass(frozen=True, slots=True)
class Moved:
    cents: int


class OverdrawnError(Exception):
    pass


class Totals:
    """What each account has."""

    name, version, tables = "totals", 1, ("totals",)
    schema = "CREATE TABLE totals (stream TEXT PRIMARY KEY, cents INTEGER, events INTEGER)"

    def __init__(self) -> None:
        self.die_at = 0

    def apply(self, db: sqlite3.Connection, event: Event) -> None:
        db.execute(
            "INSERT INTO totals VALUES (?, ?, 1) ON CONFLICT (stream) DO UPDATE SET cents = cents + excluded.cents, events = events + 1",
            (event.stream, event.body.cents),
        )
        if event.position == self.die_at:
            raise KeyboardInterrupt

    def forget(self, db: sqlite3.Connection, key_id: str) -> None:
        pass


def decide(balance: int, command: Moved) -> Sequence[Moved]:
    if balance + command.cents < 0:
        raise OverdrawnError
    return [command] if command.cents else []


DECIDER = Decider(0, decide, lambda balance, event: balance + event.cents)
SNAPSHOTS = Snapshots(3, 1, lambda balance: {"balance": balance}, lambda document: document["balance"])


def store_of(recorder: MemoryRecorder | None = None) -> EventStore:
    catalogue = Catalogue()
    catalogue.add("moved", Moved)
    return EventStore(recorder or MemoryRecorder(), catalogue)


def rows(projector: Projector) -> list[tuple[object, ...]]:
    return projector.query("SELECT * FROM totals ORDER BY stream")


def filled(count: int) -> EventStore:
    store = store_of()
    for number in range(count):
        store.append(f"account-{number % 3}", [Moved(number)])
    return store


def test_a_projection_is_kept_up_to_date_and_reads_its_own_writes() -> None:
    store = filled(10)
    projector = Projector(store, ":memory:", Totals())
    assert (projector.catch_up(), projector.catch_up(), projector.position("totals")) == (10, 10, 10)
    position = store.append("account-0", [Moved(100)])
    assert projector.query("SELECT cents FROM totals WHERE stream = 'account-0'", at_least=position) == [(118,)]


@pytest.mark.parametrize("die_at", [1, 499, 500, 501, 1200])
def test_after_a_crash_nothing_is_missing_and_nothing_counted_twice(tmp_path: Path, die_at: int) -> None:
    store, totals = filled(1200), Totals()
    totals.die_at = die_at
    dying = Projector(store, tmp_path / "tables.db", totals)
    with pytest.raises(KeyboardInterrupt):
        dying.catch_up()
    assert dying.position("totals") == (die_at - 1) // 500 * 500  # whole batches
    dying.close()
    again, straight = Projector(store, tmp_path / "tables.db", Totals()), Projector(store, ":memory:", Totals())
    assert again.catch_up() == straight.catch_up() == 1200
    assert rows(again) == rows(straight)
    assert sum(int(str(row[2])) for row in rows(again)) == 1200


def test_one_that_is_built_again_equals_the_one_that_was_kept_up_to_date(tmp_path: Path) -> None:
    store = filled(20)
    projector = Projector(store, tmp_path / "tables.db", Totals())
    projector.catch_up()
    live = rows(projector)
    projector.rebuild("totals")
    assert rows(projector) == live
    projector.close()
    newer = Totals()
    newer.version = 2  # type: ignore[misc]
    other = Projector(store, tmp_path / "tables.db", newer)
    assert rows(other) == []
    other.catch_up()
    assert rows(other) == live


@given(st.lists(st.integers(-50, 100), max_size=25))
@settings(max_examples=60, deadline=None)
def test_a_state_from_a_snapshot_equals_that_from_all_events(amounts: list[int]) -> None:
    store = store_of()
    with_snapshots, without = CommandSide(store, DECIDER, snapshots=SNAPSHOTS), CommandSide(store, DECIDER)
    for cents in amounts:
        try:
            now = with_snapshots.handle("a", Moved(cents))
        except OverdrawnError:
            now = without.load("a").state
        assert now == with_snapshots.load("a").state == without.load("a").state
    kept = store.read_snapshot("a", 1)
    assert (kept is not None) == (len(store.read_stream("a")) >= 3)
    assert with_snapshots.load("a").since_snapshot < 3


class Hasty(MemoryRecorder):
    """Another writer is first, so many times."""

    rivals = 0

    def append(self, stream: str, expected_version: int | None, records: Sequence[NewRecord], at_us: int) -> int:
        if self.rivals:
            self.rivals -= 1
            super().append(stream, None, [NewRecord(uuid.uuid4().bytes, "moved", 1, b'{"cents":-6}')], at_us)
        return super().append(stream, expected_version, records, at_us)


def test_a_command_is_decided_again_where_another_writer_was_first() -> None:
    recorder = Hasty()
    accounts = CommandSide(store_of(recorder), DECIDER, attempts=3)
    accounts.handle("a", Moved(20))
    recorder.rivals = 1
    assert accounts.handle("a", Moved(-10)) == 4
    recorder.rivals = 1
    with pytest.raises(OverdrawnError):  # what was possible a moment ago
        accounts.handle("a", Moved(-4))
    recorder.rivals = 9
    with pytest.raises(ConflictError):
        accounts.handle("a", Moved(50))


def test_a_command_that_is_sent_again_is_done_once() -> None:
    accounts, command_id = CommandSide(store_of(), DECIDER), uuid.uuid4()
    accounts.handle("a", Moved(20))
    assert [accounts.handle("a", Moved(-20), command_id) for _ in range(2)] == [0, 0]
    assert accounts.handle("a", Moved(0)) == 0
