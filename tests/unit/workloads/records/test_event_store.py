"""The event store: types and their versions, what cannot be read, snapshots, subscriptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from workloads.ports.recorder import MemoryRecorder, NewRecord
from workloads.records.errors import EventTypeError, PersonalDataError, UnknownEventError, UnreadableEventError
from workloads.records.events.catalogue import Catalogue
from workloads.records.store import EventStore


@dataclass(frozen=True, slots=True)
class Paid:
    amount_cents: int
    currency: str


@dataclass(frozen=True, slots=True)
class Opened:
    owner: str
    address: str


def in_cents(values: dict[str, Any]) -> dict[str, Any]:
    return {"amount_cents": round(values["amount"] * 100)}


def with_currency(values: dict[str, Any]) -> dict[str, Any]:
    return {**values, "currency": "EUR"}


@pytest.fixture
def store() -> EventStore:
    catalogue = Catalogue()
    catalogue.add("paid", Paid, upcasts=(in_cents, with_currency))
    catalogue.add("opened", Opened, subject="owner", personal={"address"})
    return EventStore(MemoryRecorder(), catalogue, clock_us=lambda: 7)


def recorded(store: EventStore, kind: str, schema: int, data: bytes) -> None:
    store.recorder.append("a", None, [NewRecord(bytes(16), kind, schema, data)], 0)


def test_events_come_back_in_order_with_their_place(store: EventStore) -> None:
    assert store.append("a", [Paid(1, "EUR"), Paid(2, "USD")], expected_version=0) == 2
    first, second = store.read_stream("a")
    assert (first.body, second.body) == (Paid(1, "EUR"), Paid(2, "USD"))
    assert (second.position, second.version, second.kind, second.at_us, second.erased) == (2, 2, "paid", 7, False)
    assert store.read_stream("a", 1) == [second]


def test_an_append_of_nothing_is_a_bug(store: EventStore) -> None:
    with pytest.raises(EventTypeError, match="stream 'a': an append needs an event"):
        store.append("a", [])


def test_events_of_every_older_version_are_brought_up_to_date(store: EventStore) -> None:
    for number, (schema, data) in enumerate(
        [(1, b'{"amount":1.5}'), (2, b'{"amount_cents":150}'), (3, b'{"amount_cents":150,"currency":"EUR"}')]
    ):
        store.recorder.append("a", None, [NewRecord(number.to_bytes(16), "paid", schema, data)], 0)
    assert [event.body for event in store.read_stream("a")] == [Paid(150, "EUR")] * 3
    assert store.recorder.read_stream("a")[0].data == b'{"amount":1.5}'  # never rewritten


@pytest.mark.parametrize(
    ("kind", "schema", "data", "error", "words"),
    [
        ("refunded", 1, b"{}", UnknownEventError, "position 1, stream 'a': unknown event type 'refunded'"),
        ("paid", 4, b"{}", UnknownEventError, "event type 'paid' has version 4; this program reads up to 3"),
        ("paid", 0, b"{}", UnknownEventError, "has version 0"),
        ("paid", 3, b"{", UnreadableEventError, "is not JSON"),
        ("paid", 3, b"[]", UnreadableEventError, "is not a JSON object"),
        ("paid", 3, b'{"amount_cents":1}', UnreadableEventError, "does not fit event type 'paid' version 3"),
        ("paid", 1, b"{}", UnreadableEventError, "does not fit event type 'paid' version 1"),
    ],
)
def test_what_cannot_be_read_is_refused(store: EventStore, kind: str, schema: int, data: bytes, error: type[Exception], words: str) -> None:
    recorded(store, kind, schema, data)
    with pytest.raises(error, match=words.replace("(", r"\(")):
        store.read_stream("a")


def test_what_has_no_form_in_json_is_refused(store: EventStore) -> None:
    for bad in (float("nan"), object()):
        with pytest.raises(EventTypeError, match="event type 'paid'"):
            store.append("a", [Paid(1, bad)])  # type: ignore[arg-type]
    with pytest.raises(EventTypeError, match="str is not in this catalogue"):
        store.append("a", ["text"])
    assert store.recorder.head() == 0


def test_personal_data_never_reach_a_recorder_in_the_open(store: EventStore) -> None:
    with pytest.raises(PersonalDataError, match="event type 'opened' is about a person: give the store a sealer"):
        store.append("a", [Opened("Ada", "Main Street")])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"personal": {"address"}}, "personal fields need `subject`"),
        ({"subject": "holder"}, "Opened has no field holder"),
        ({"subject": "owner", "personal": {"phone"}}, "Opened has no field phone"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(EventTypeError, match=words):
        Catalogue().add("opened", Opened, **options)


def test_a_type_is_declared_once_and_is_a_dataclass() -> None:
    catalogue = Catalogue()
    catalogue.add("paid", Paid)
    with pytest.raises(EventTypeError, match="declared twice"):
        catalogue.add("paid", Opened)
    with pytest.raises(EventTypeError, match="declared twice"):
        catalogue.add("other", Paid)
    with pytest.raises(EventTypeError, match="int is not a dataclass"):
        catalogue.add("number", int)


def test_a_snapshot_of_another_format_is_not_used(store: EventStore) -> None:
    assert store.save_snapshot("a", 3, 2, {"balance": 5})
    assert store.read_snapshot("a", 2) == (3, {"balance": 5})
    assert store.read_snapshot("a", 1) is None


def test_a_subscription_goes_on_where_it_was(store: EventStore) -> None:
    store.append("a", [Paid(n, "EUR") for n in range(5)])
    subscription = store.subscribe()
    assert [event.position for event in subscription.next(limit=2)] == [1, 2]
    assert [event.position for event in subscription.next()] == [3, 4, 5]
    assert subscription.next() == []
    assert [event.position for event in store.subscribe(subscription.position - 1).next()] == [5]


def test_a_subscription_stays_where_it_is_when_an_event_cannot_be_read(store: EventStore) -> None:
    store.append("a", [Paid(1, "EUR")])
    recorded(store, "refunded", 1, b"{}")
    subscription = store.subscribe()
    for _ in range(2):
        with pytest.raises(UnknownEventError):
            subscription.next()
    assert subscription.position == 0
