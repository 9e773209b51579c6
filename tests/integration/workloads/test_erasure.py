"""Persons and their rights, on files: consent, export, and an erasure of which not a byte is left (GDPR Articles 7, 15, 17, 20, 30)."""

from __future__ import annotations

import json
import random
import sqlite3
import uuid
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from workloads.ports.recorder import MemoryRecorder
from workloads.records.commands import CommandSide, Decider, Snapshots
from workloads.records.errors import PersonalDataError, UnreadableEventError
from workloads.records.events.catalogue import Catalogue
from workloads.records.personal.consent import add_personal_events
from workloads.records.personal.keys import FileKeys, MemoryKeys
from workloads.records.personal.processing import Processing, ProcessingRecords
from workloads.records.personal.rights import Rights
from workloads.records.personal.scan import find_bytes
from workloads.records.personal.sealing import SubjectSealer
from workloads.records.projections.projector import Projector
from workloads.records.projections.search import Search
from workloads.records.recorders.sqlite import SqliteRecorder
from workloads.records.store import Event, EventStore

ADA = ("ada.lovelace@example.org", "Ada Lovelace", "12 St James's Square, Übersee")
BOB = ("bob@example.org", "Bob Kahn", "1 Packet Road")
PROCESSING = ProcessingRecords(
    "Example Ltd",
    [
        Processing("delivery", "contract", ("customers",), ("name", "address"), kept_for="until erased"),
        Processing("newsletter", "consent", ("customers",), ("customer",), kept_for="until withdrawn"),
    ],
)


@dataclass(frozen=True, slots=True)
class Ordered:
    customer: str | None
    name: str | None
    address: str | None
    item: str


@dataclass(frozen=True, slots=True)
class State:
    orders: int = 0
    name: str | None = None


def decide(_state: State, command: Ordered) -> Sequence[Ordered]:
    return [command]


def evolve(state: State, event: Ordered) -> State:
    return replace(state, orders=state.orders + 1, name=event.name)


class Customers:
    """Who has ordered what, in the open."""

    name, version, tables = "customers", 1, ("customers",)
    schema = "CREATE TABLE customers (position INTEGER PRIMARY KEY, name TEXT, address TEXT, item TEXT, key_id TEXT)"

    def apply(self, db: sqlite3.Connection, event: Event) -> None:
        if isinstance(event.body, Ordered):
            row = (event.position, event.body.name, event.body.address, event.body.item, event.subject)
            db.execute("INSERT INTO customers VALUES (?, ?, ?, ?, ?)", row)

    def forget(self, db: sqlite3.Connection, key_id: str) -> None:
        db.execute("DELETE FROM customers WHERE key_id = ?", (key_id,))


class Shop:
    """Everything over one folder, as a process opens it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        catalogue = Catalogue()
        catalogue.add("ordered", Ordered, subject="customer", personal={"name", "address"})
        add_personal_events(catalogue)
        self.keys = FileKeys(folder / "keys")
        self.recorder = SqliteRecorder(folder / "events.db")
        self.store = EventStore(self.recorder, catalogue, sealer=SubjectSealer(self.keys))
        self.projector = Projector(self.store, folder / "tables.db", Customers(), Search(frozenset({"ordered"})))
        self.rights = Rights(self.store, self.keys, PROCESSING, [self.projector])
        kept = Snapshots(2, 1, lambda state: {"orders": state.orders, "name": state.name}, lambda document: State(**document))
        self.orders = CommandSide(self.store, Decider(State(), decide, evolve), snapshots=kept)

    def order(self, person: tuple[str, str, str], item: str) -> None:
        self.orders.handle(f"orders/{self.keys.of(person[0]).key_id}", Ordered(*person, item))

    def close(self) -> None:
        self.recorder.close()
        self.projector.close()


@pytest.fixture
def shop(tmp_path: Path) -> Any:
    shop = Shop(tmp_path)
    for item in range(6):
        shop.order(ADA, f"engine-{item}")
        shop.order(BOB, f"router-{item}")
    shop.rights.give_consent(ADA[0], "newsletter", "text of 2026")
    shop.projector.catch_up()
    yield shop
    shop.close()


def test_after_an_erasure_no_byte_of_the_person_is_left_anywhere(shop: Shop) -> None:
    shop.recorder.backup(shop.folder / "backup.db")
    key = shop.keys.of(ADA[0])
    secrets = [*ADA, "Lovelace", key.secret.hex()]
    tables = {path.name for path, _ in find_bytes(secrets, [shop.folder])}
    assert any(name.startswith("tables.db") for name in tables)  # in the open while it may be
    assert not any(name.startswith(("events.db", "backup.db")) for name in tables)
    assert shop.recorder.read_snapshot(f"orders/{key.key_id}") is not None
    assert key.secret in (shop.folder / "keys" / key.key_id).read_bytes()

    shop.rights.erase(ADA[0])

    assert find_bytes(secrets, [shop.folder]) == []
    assert all(key.secret not in path.read_bytes() for path in shop.folder.rglob("*") if path.is_file())
    assert shop.recorder.read_snapshot(f"orders/{key.key_id}") is None
    assert shop.projector.query("SELECT count(*) FROM customers WHERE key_id = ?", key.key_id) == [(0,)]
    assert shop.projector.query("SELECT * FROM search WHERE word = 'lovelace'") == []
    shop.close()
    assert find_bytes(secrets, [shop.folder]) == []


def test_what_is_not_about_the_person_stays(shop: Shop) -> None:
    key = shop.keys.of(ADA[0])
    shop.rights.erase(ADA[0])
    events = shop.store.read_stream(f"orders/{key.key_id}")
    assert [event.body for event in events] == [Ordered(None, None, None, f"engine-{item}") for item in range(6)]
    assert all(event.erased for event in events)
    assert shop.orders.load(f"orders/{key.key_id}").state == State(6, None)
    assert shop.projector.query("SELECT name FROM customers WHERE item = 'router-3'") == [("Bob Kahn",)]
    assert shop.rights.export(BOB[0])["events"][5]["address"] == BOB[2]
    last = shop.store.read_stream("erasures")[-1].body
    assert (last.key_id, last.snapshots, last.projections) == (key.key_id, 1, ["projections"])


def test_tables_that_are_built_again_do_not_bring_the_person_back(shop: Shop) -> None:
    shop.rights.erase(ADA[0])
    for name in ("customers", "search"):
        shop.projector.rebuild(name)
    assert find_bytes([*ADA, "Lovelace"], [shop.folder]) == []
    assert shop.projector.query("SELECT count(*) FROM customers") == [(12,)]


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_left_in_a_table_whose_pages_have_split(tmp_path: Path, seed: int) -> None:
    """With ``secure_delete`` alone, SQLite 3.40 left copies of moved cells for one of these seeds."""
    chance, keys, types = random.Random(seed), MemoryKeys(), Catalogue()
    types.add("ordered", Ordered, subject="customer", personal={"name", "address"})
    store = EventStore(MemoryRecorder(), types, sealer=SubjectSealer(keys))
    for person in (f"person{number:02}" for number in chance.choices(range(40), k=2000)):
        words = f"{chance.random()}{person}{'x' * chance.randrange(300)}".replace(".", "")
        store.append("orders", [Ordered(person, words, "", "lamp")])
    projector = Projector(store, tmp_path / "tables.db", Customers(), Search(frozenset({"ordered"})))
    projector.catch_up()
    assert find_bytes(["person07"], [tmp_path]) != []
    projector.forget(keys.of("person07").key_id)
    assert find_bytes(["person07"], [tmp_path]) == []
    projector.close()


def test_a_restored_backup_does_not_bring_the_person_back(shop: Shop) -> None:
    shop.recorder.backup(shop.folder / "backup.db")
    shop.rights.erase(ADA[0])
    restored = EventStore(SqliteRecorder(shop.folder / "backup.db"), shop.store.catalogue, sealer=SubjectSealer(shop.keys))
    erased = [event.erased for event in restored.read_all() if event.subject]
    assert (erased.count(True), erased.count(False)) == (7, 6)


class KilledError(BaseException):
    """The process ends here."""


@pytest.mark.parametrize(("part", "method"), [("keys", "forget"), ("recorder", "drop_snapshots"), ("projector", "forget")])
def test_an_erasure_that_was_cut_short_is_finished(shop: Shop, monkeypatch: pytest.MonkeyPatch, part: str, method: str) -> None:
    def die(*_: object, **__: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(getattr(shop, part), method, die)
        with pytest.raises(KilledError):
            shop.rights.erase(ADA[0])
    shop.close()
    again = Shop(shop.folder)
    assert len(again.rights.finish_erasures()) == 1
    assert again.rights.finish_erasures() == []
    assert find_bytes([*ADA, "Lovelace"], [shop.folder]) == []
    again.close()


def test_who_comes_back_has_nothing_to_do_with_what_was_before(shop: Shop) -> None:
    before = shop.rights.erase(ADA[0])
    with pytest.raises(PersonalDataError, match="nothing is recorded about this person"):
        shop.rights.export(ADA[0])
    shop.order(ADA, "loom")
    assert shop.keys.of(ADA[0]).key_id != before
    assert [event["item"] for event in shop.rights.export(ADA[0])["events"]] == ["loom"]


def test_an_export_is_all_of_the_persons_data_and_of_nobody_elses(shop: Shop) -> None:
    document = json.loads(json.dumps(shop.rights.export(ADA[0])))
    assert [event["type"] for event in document["events"]] == ["ordered"] * 6 + ["consent-given"]
    assert document["events"][0] | {"recorded_at": ""} == {
        "recorded_at": "", "type": "ordered", "customer": ADA[0], "name": ADA[1], "address": ADA[2], "item": "engine-0"
    }  # fmt: skip
    assert document["consents"] == ["newsletter"]
    assert document["processing"]["controller"] == "Example Ltd"
    assert "Bob" not in json.dumps(document)


def test_consent_is_given_for_what_is_recorded_and_may_be_withdrawn(shop: Shop) -> None:
    shop.rights.require(BOB[0], "delivery")
    shop.rights.require(ADA[0], "newsletter")
    with pytest.raises(PersonalDataError, match="has not agreed to 'newsletter'"):
        shop.rights.require(BOB[0], "newsletter")
    shop.rights.withdraw_consent(ADA[0], "newsletter")
    with pytest.raises(PersonalDataError, match="has not agreed"):
        shop.rights.require(ADA[0], "newsletter")
    with pytest.raises(PersonalDataError, match="stands on contract"):
        shop.rights.give_consent(ADA[0], "delivery", "")
    with pytest.raises(PersonalDataError, match="no processing is recorded for the purpose 'profiling'"):
        shop.rights.require(ADA[0], "profiling")


def test_sealed_data_that_were_moved_or_changed_are_refused(shop: Shop) -> None:
    first, second = shop.recorder.read_all(0, 1), shop.recorder.read_all(2, 1)
    with pytest.raises(UnreadableEventError, match="were changed after they were sealed, or moved"):
        shop.store.decode(first[0]._replace(data=second[0].data))


def test_a_restarted_process_knows_the_same_keys(shop: Shop) -> None:
    key = shop.keys.of(ADA[0])
    other = FileKeys(shop.folder / "keys")
    assert other.of(ADA[0]) == other.get(key.key_id) == key
    assert (shop.folder / "keys").stat().st_mode & 0o077 == 0
    (shop.folder / "keys" / key.key_id).write_bytes(b"short")
    with pytest.raises(PersonalDataError, match="is not a key of 32 bytes"):
        other.of(ADA[0])
    with pytest.raises(PersonalDataError, match="is not the id of a key"):
        other.get("../events.db")


def test_the_search_for_bytes_finds_every_form(tmp_path: Path) -> None:
    word = "Lovelace Ü"
    forms = [word.encode(), word.encode("utf-16"), json.dumps(word).encode(), word.encode().hex().encode()]
    forms += [b64encode(b"x" * shift + word.encode() + b"yz") for shift in range(3)]
    for number, form in enumerate(forms):
        (tmp_path / str(number)).write_bytes(b"..." + form + b"...")
    assert {path.name for path, _ in find_bytes([word], [tmp_path])} == {str(number) for number in range(len(forms))}
    (tmp_path / "Lovelace").touch()
    assert find_bytes(["Lovelace"], [tmp_path / "Lovelace"]) != []


def test_a_command_that_is_sent_again_adds_nothing(shop: Shop) -> None:
    stream, command, command_id = "orders/x", Ordered(*BOB, "cable"), uuid.uuid4()
    states = {shop.orders.handle(stream, command, command_id) for _ in range(2)}
    assert states == {State(1, BOB[1])}
    assert len(shop.store.read_stream(stream)) == 1
