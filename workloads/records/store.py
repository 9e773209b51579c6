"""The event store: events of a program in streams over any recorder.

Rule 1: a writer appends with the stream version that it has read; of two concurrent writers one gets a conflict and must read again.
Rule 2: an event has an id. Appending it again adds no event, so a writer that does not know whether it succeeded may retry.
Rule 3: a snapshot only saves time. State from a snapshot and the events after it equals that from all events.
Rule 4: personal data reach the recorder sealed, or not at all.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple, Protocol

from workloads.ports.recorder import NewRecord, Record, Recorder, Snapshot
from workloads.records.errors import EventTypeError, PersonalDataError
from workloads.records.events.catalogue import Catalogue, EventType, from_json, to_body, to_json

_BATCH: Final = 1000
#: Holds the sealed fields; no Python name can be equal.
_SEALED: Final = "~"


class Event(NamedTuple):
    """A recorded event in the newest version of its type."""

    position: int
    stream: str
    version: int
    event_id: bytes
    kind: str
    at_us: int
    subject: str | None
    """Id of the key that seals its personal fields."""
    body: Any
    erased: bool = False
    """Its subject is forgotten: the personal fields are None."""


class Sealer(Protocol):
    """Seals the personal part of events with keys of their subjects."""

    def seal(self, subject: str, content: bytes, context: bytes) -> tuple[str, str]:
        """Return the id of the subject's key and the sealed content; ``context`` binds it to its place."""

    def seal_with(self, key_id: str, content: bytes, context: bytes) -> str | None:
        """Return the content sealed with a key that is there already; None if it is forgotten."""

    def unseal(self, key_id: str, sealed: str, context: bytes) -> bytes | None:
        """Return the content; None if the key is forgotten."""


def now_us() -> int:
    """Return the wall clock in microseconds since 1970."""
    return time.time_ns() // 1000


class EventStore:
    """Appends and reads events of the types of one catalogue."""

    def __init__(
        self, recorder: Recorder, catalogue: Catalogue, *, sealer: Sealer | None = None, clock_us: Callable[[], int] = now_us
    ) -> None:
        self.recorder = recorder
        self.catalogue = catalogue
        self._sealer = sealer
        self._clock_us = clock_us

    def append(
        self, stream: str, bodies: Sequence[object], *, expected_version: int | None = None, event_ids: Sequence[bytes] | None = None
    ) -> int:
        """Append events and return the position of the last one.

        Args:
            stream: name of the stream; holds no personal data.
            bodies: at least one event of a known type.
            expected_version: version that the stream was read at, 0 for a new one; None if it does not matter.
            event_ids: 16 bytes for each event, where the append may have to be repeated; random by default.

        Raises:
            ConflictError, ReusedEventIdError, StorageError: as in :class:`~workloads.ports.recorder.Recorder`.
            EventTypeError: there is no event, or one is of no known type or has a value without a form in JSON.
            PersonalDataError: an event is about a person, and this store has no sealer.
        """
        if not bodies:
            raise EventTypeError(f"stream {stream!r}: an append needs an event")
        if event_ids is None:
            noise = os.urandom(16 * len(bodies))
            event_ids = [noise[start : start + 16] for start in range(0, len(noise), 16)]
        records = [self._record(body, event_id) for body, event_id in zip(bodies, event_ids, strict=True)]
        return self.recorder.append(stream, expected_version, records, self._clock_us())

    def _record(self, body: object, event_id: bytes) -> NewRecord:
        kind = self.catalogue.of(body)
        values = dict(zip(kind.names, kind.values(body), strict=True))
        subject = self._seal(kind, values, event_id) if kind.personal else None
        return NewRecord(event_id, kind.kind, len(kind.upcasts) + 1, to_json(values, kind.kind), subject)

    def _seal(self, kind: EventType, values: dict[str, Any], event_id: bytes) -> str:
        """Replace the personal fields by one sealed field; return the id of the key."""
        if self._sealer is None:
            raise PersonalDataError(f"event type {kind.kind!r} is about a person: give the store a sealer")
        personal = {name: values.pop(name) for name in sorted(kind.personal)}
        subject = personal[kind.subject or ""]
        if not isinstance(subject, str) or not subject:
            raise PersonalDataError(f"event type {kind.kind!r}: `{kind.subject}` must name the person")
        key_id, values[_SEALED] = self._sealer.seal(subject, to_json(personal, kind.kind), event_id)
        return key_id

    def decode(self, record: Record) -> Event:
        """Return the event of a record.

        Raises:
            UnknownEventError: its type, or this version of it, is not known here.
            UnreadableEventError: it does not fit its type.
        """
        kind = self.catalogue.readable(record)
        values = from_json(record.data, record)
        erased = False
        if record.subject is not None:
            sealed = values.pop(_SEALED, None)
            content = self._sealer.unseal(record.subject, sealed, record.event_id) if self._sealer and isinstance(sealed, str) else None
            erased = content is None
            values |= dict.fromkeys(kind.personal) if content is None else from_json(content, record)
        position, stream, version, event_id, name, _, at_us, subject, _ = record
        return Event(position, stream, version, event_id, name, at_us, subject, to_body(kind, record, values), erased)

    def read_stream(self, stream: str, after_version: int = 0) -> list[Event]:
        """Return the events of a stream after a version. Raises as :meth:`decode`."""
        return [self.decode(record) for record in self.recorder.read_stream(stream, after_version)]

    def read_all(self, after_position: int = 0, *, subject: str | None = None) -> Iterator[Event]:
        """Yield the events of all streams in order, or of one subject's key. Raises as :meth:`decode`."""
        while records := self.recorder.read_all(after_position, _BATCH, subject):
            yield from map(self.decode, records)
            after_position = records[-1].position

    def save_snapshot(self, stream: str, version: int, schema: int, state: dict[str, Any], *, key_id: str | None = None) -> bool:
        """Keep the state that a stream had at ``version``; return whether it was kept.

        Args:
            stream: name of the stream.
            version: version of the stream that the state is of.
            schema: version of the state's own format.
            state: what JSON holds.
            key_id: :attr:`Event.subject` of the stream's events, where they have one. The snapshot is sealed with it, and not kept
                where it is forgotten. A stream about several persons has no snapshot.
        """
        data = to_json(state, f"snapshot of {stream}")
        if key_id is not None:
            sealed = self._sealer.seal_with(key_id, data, stream.encode()) if self._sealer else None
            if sealed is None:
                return False
            data = sealed.encode()
        self.recorder.save_snapshot(Snapshot(stream, version, schema, data, key_id))
        return True

    def read_snapshot(self, stream: str, schema: int) -> tuple[int, dict[str, Any]] | None:
        """Return version and state of the newest snapshot; None if there is none of this schema, or its subject is forgotten."""
        found = self.recorder.read_snapshot(stream)
        if found is None or found.schema != schema:
            return None
        data: bytes | None = found.data
        if found.subject is not None:
            data = self._sealer.unseal(found.subject, found.data.decode(), stream.encode()) if self._sealer else None
        return None if data is None else (found.version, from_json(data, f"snapshot of {stream!r}"))

    def subscribe(self, after_position: int = 0) -> Subscription:
        """Return a subscription to all events after a position."""
        return Subscription(self, after_position)


class Subscription:
    """Events in their order as they come, each at least once; a reader that stores :attr:`position` continues from there."""

    def __init__(self, store: EventStore, after_position: int) -> None:
        self._store = store
        self.position = after_position
        """Position of the last event that was handed out."""

    def next(self, timeout_s: float = 0.0, limit: int = _BATCH) -> list[Event]:
        """Return the next events, at most ``limit``; waits ``timeout_s`` for the first one, then returns none."""
        recorder = self._store.recorder
        records = recorder.read_all(self.position, limit)
        if not records and timeout_s > 0 and recorder.wait(self.position, timeout_s):
            records = recorder.read_all(self.position, limit)
        events = [self._store.decode(record) for record in records]
        if events:
            self.position = events[-1].position
        return events
