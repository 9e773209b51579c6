"""The event types of a program, as frozen dataclasses; they are stored as JSON.

Rule 1: a recorded event is never rewritten. When a type changes, an upcast is added that converts the fields of the previous version to the
next; the version of a type is the number of its upcasts plus one.
Rule 2: anything unreadable is rejected, not guessed: an unknown type, a newer version, extra or missing fields.
Rule 3: fields hold what JSON holds; a sequence comes back as a list.
Rule 4: the field that names the person an event is about, and all fields that are declared personal, are sealed before they reach
a recorder; see ``workloads.records.personal``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields, is_dataclass
from operator import attrgetter
from typing import Any, Final

from workloads.ports.recorder import Record
from workloads.records.errors import EventTypeError, UnknownEventError, UnreadableEventError

#: Turns the fields of one version into those of the next.
Upcast = Callable[[dict[str, Any]], dict[str, Any]]

_ENCODE: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode
_DECODE: Final = json.JSONDecoder().decode


@dataclass(frozen=True, slots=True)
class EventType:
    """One type in its newest version."""

    kind: str
    body: type
    upcasts: tuple[Upcast, ...]
    subject: str | None
    """The field that identifies the person; None if events of this type are not about a person."""
    personal: frozenset[str]
    """The fields to seal, ``subject`` among them."""
    names: tuple[str, ...]
    """All fields."""
    values: Callable[[object], tuple[Any, ...]]
    """Returns the values of all fields of an event."""

    @property
    def version(self) -> int:
        """The version that is written now."""
        return len(self.upcasts) + 1


class Catalogue:
    """Types by name and by class."""

    def __init__(self) -> None:
        self._by_kind: dict[str, EventType] = {}
        self._by_body: dict[type, EventType] = {}

    def add(
        self, kind: str, body: type, *, upcasts: tuple[Upcast, ...] = (), subject: str | None = None, personal: Collection[str] = ()
    ) -> None:
        """Make a type known.

        Args:
            kind: name at rest; never changes.
            body: a dataclass.
            upcasts: the first one leads from version 1 to 2.
            subject: field that names the person the event is about.
            personal: further fields about that person.

        Raises:
            EventTypeError: the declaration contradicts itself or an earlier one.
        """
        if kind in self._by_kind or body in self._by_body:
            raise EventTypeError(f"event type {kind!r} ({body.__name__}) is declared twice")
        if not is_dataclass(body):
            raise EventTypeError(f"event type {kind!r}: {body.__name__} is not a dataclass")
        names = tuple(field.name for field in fields(body))
        if personal and subject is None:
            raise EventTypeError(f"event type {kind!r}: personal fields need `subject`, the field that names the person")
        sealed = frozenset([*personal, *([subject] if subject else [])])
        if unknown := sorted(sealed - set(names)):
            raise EventTypeError(f"event type {kind!r}: {body.__name__} has no field {', '.join(unknown)}")
        values = attrgetter(*names) if len(names) > 1 else lambda event: tuple(getattr(event, name) for name in names)
        self._by_kind[kind] = self._by_body[body] = EventType(kind, body, upcasts, subject, sealed, names, values)

    def of(self, body: object) -> EventType:
        """Return the type of an event.

        Raises:
            EventTypeError: it was not added.
        """
        try:
            return self._by_body[type(body)]
        except KeyError:
            raise EventTypeError(f"{type(body).__name__} is not in this catalogue: add it") from None

    def readable(self, record: Record) -> EventType:
        """Return the type that reads ``record``.

        Raises:
            UnknownEventError: this program does not know it.
        """
        found = self._by_kind.get(record.kind)
        if found is None:
            raise UnknownEventError(f"{_place(record)}: unknown event type {record.kind!r}; has a newer version of the program written it?")
        if not 1 <= record.schema <= len(found.upcasts) + 1:
            raise UnknownEventError(
                f"{_place(record)}: event type {record.kind!r} has version {record.schema}; this program reads up to {found.version}:"
                " use a newer one"
            )
        return found


def to_json(values: Mapping[str, Any], kind: str) -> bytes:
    """Return the fields of an event as JSON.

    Raises:
        EventTypeError: a value has no form in JSON.
    """
    try:
        return _ENCODE(values).encode()
    except (TypeError, ValueError) as error:
        raise EventTypeError(f"event type {kind!r}: {error}; fields hold text, numbers, lists and mappings") from error


def from_json(data: bytes, record: Record | str) -> dict[str, Any]:
    """Return the fields of an event at rest; ``record`` or its place is named in errors.

    Raises:
        UnreadableEventError: they are not a JSON object.
    """
    try:
        found = _DECODE(data.decode())
    except (ValueError, RecursionError) as error:
        raise UnreadableEventError(f"{_place(record)}: is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise UnreadableEventError(f"{_place(record)}: is not a JSON object")
    return found


def to_body(kind: EventType, record: Record, values: dict[str, Any]) -> Any:
    """Return the event with these fields, brought up to date from the version of ``record``.

    Raises:
        UnreadableEventError: fields are missing or too many.
    """
    try:
        for upcast in kind.upcasts[record.schema - 1 :]:
            values = upcast(values)
        return kind.body(**values)
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableEventError(f"{_place(record)}: does not fit event type {kind.kind!r} version {record.schema}: {error}") from error


def _place(record: Record | str) -> str:
    return record if isinstance(record, str) else f"position {record.position}, stream {record.stream!r}"
