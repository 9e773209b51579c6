"""The writing side: a decider over a stream (Jérémie Chassaing's functional form of an aggregate).

Rule 1: ``decide`` returns the events that follow from a command in a state, or raises to reject it; it has no side effects.
Rule 2: ``evolve`` applies one event and never rejects it, because it has already happened.
Rule 3: a command has an id, from which its events' ids are derived, so that a repeated command adds nothing.
Rule 4: if another writer was first, the command is decided again on the new state (optimistic concurrency).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from workloads.ports.recorder import ConflictError
from workloads.records.store import EventStore

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Decider(Generic[S]):
    """What a kind of stream decides."""

    initial: S
    decide: Callable[[S, Any], Sequence[object]]
    """Returns the events that follow from a command; raises a domain error if it is rejected."""
    evolve: Callable[[S, Any], S]


@dataclass(frozen=True, slots=True)
class Snapshots(Generic[S]):
    """How a state is stored, so that long streams need not be read in full."""

    every: int
    """A snapshot is made when so many events follow the last one."""
    schema: int
    """Version of the form; a snapshot of another one is not used."""
    to_json: Callable[[S], dict[str, Any]]
    from_json: Callable[[dict[str, Any]], S]


@dataclass(frozen=True, slots=True)
class Loaded(Generic[S]):
    """A stream's state, and the version and keys behind it."""

    state: S
    version: int
    since_snapshot: int
    key_ids: frozenset[str]
    """Keys of the persons in its events."""


class CommandSide(Generic[S]):
    """Handles commands on streams of one kind.

    Args:
        store: where the events are.
        decider: what the streams decide.
        snapshots: None to read every stream whole.
        attempts: how often a command is decided if other writers come first.
    """

    def __init__(self, store: EventStore, decider: Decider[S], *, snapshots: Snapshots[S] | None = None, attempts: int = 5) -> None:
        self._store, self._decider, self._snapshots, self._attempts = store, decider, snapshots, attempts

    def load(self, stream: str) -> Loaded[S]:
        """Return the state of a stream, from its snapshot if there is one."""
        state, version, kept = self._decider.initial, 0, self._snapshots
        key_ids = set[str]()
        if kept and (found := self._store.read_snapshot(stream, kept.schema)):
            version, document = found
            state = kept.from_json(document["state"])
            key_ids.update(document["keys"])
        events = self._store.read_stream(stream, version)
        for event in events:
            state = self._decider.evolve(state, event.body)
            if event.subject:
                key_ids.add(event.subject)
        return Loaded(state, version + len(events), len(events), frozenset(key_ids))

    def handle(self, stream: str, command: object, command_id: uuid.UUID | None = None) -> S:
        """Decide on ``command``, append what follows, and return the new state.

        Args:
            stream: the stream that decides.
            command: what ``decide`` takes.
            command_id: the same for each repetition of one command; a new one by default.

        Raises:
            ConflictError: other writers were first each time.
            RecordsError: as :meth:`~workloads.records.store.EventStore.append`; and what ``decide`` raises.
        """
        known = command_id or uuid.uuid4()
        for attempt in range(1, self._attempts + 1):
            loaded = self.load(stream)
            if command_id and self._is_done(stream, command_id):
                return loaded.state
            events = self._decider.decide(loaded.state, command)
            if not events:
                return loaded.state
            ids = [uuid.uuid5(known, str(number)).bytes for number in range(len(events))]
            try:
                self._store.append(stream, events, expected_version=loaded.version, event_ids=ids)
            except ConflictError:
                if attempt == self._attempts:
                    raise
                continue
            state = loaded.state
            for event in events:
                state = self._decider.evolve(state, event)
            self._keep(stream, loaded, len(events))
            return state
        raise AssertionError("a command has at least one attempt")

    def _is_done(self, stream: str, command_id: uuid.UUID) -> bool:
        first = uuid.uuid5(command_id, "0").bytes
        return any(record.event_id == first for record in self._store.recorder.read_stream(stream))

    def _keep(self, stream: str, before: Loaded[S], added: int) -> None:
        """Take a snapshot if one is due; a stream about several persons has none."""
        kept = self._snapshots
        if kept is None or before.since_snapshot + added < kept.every:
            return
        now = self.load(stream)
        if len(now.key_ids) <= 1:
            document = {"state": kept.to_json(now.state), "keys": sorted(now.key_ids)}
            self._store.save_snapshot(stream, now.version, kept.schema, document, key_id=next(iter(now.key_ids), None))
