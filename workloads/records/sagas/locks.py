"""Semantic locks: one stream per name, held by the saga in its last event.

A lock is no mutual exclusion of processes, which could not outlive a crash, but a record that something is being changed: it is held until
the saga has ended, whoever brings it to its end. Taking and releasing may both be repeated.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from workloads.ports.recorder import ConflictError
from workloads.records.errors import SagaError
from workloads.records.events.catalogue import Catalogue
from workloads.records.store import EventStore


class LockedError(SagaError):
    """Another saga is working on the same thing: try again when it has ended."""


@dataclass(frozen=True, slots=True)
class LockTaken:
    """A saga holds the lock."""

    saga_id: str


@dataclass(frozen=True, slots=True)
class LockReleased:
    """It has ended."""

    saga_id: str


def add_lock_events(catalogue: Catalogue) -> None:
    """Make the events of locks known to a catalogue."""
    catalogue.add("lock-taken", LockTaken)
    catalogue.add("lock-released", LockReleased)


class Locks:
    """Takes and releases locks for sagas."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    def take(self, names: Iterable[str], saga_id: str) -> None:
        """Take all locks, in the order of their names, so that two sagas cannot wait for each other.

        Raises:
            LockedError: another saga holds one; those taken before it stay until they are released.
        """
        for name in sorted(set(names)):
            version, holder = self._look(name)
            if holder is None:
                try:
                    self._store.append(_stream(name), [LockTaken(saga_id)], expected_version=version)
                except ConflictError:
                    _, holder = self._look(name)
                else:
                    continue
            if holder != saga_id:
                raise LockedError(f"{name!r} is being changed by saga {holder}: try again when it has ended")

    def release(self, names: Iterable[str], saga_id: str) -> None:
        """Release those of the locks that the saga holds."""
        for name in names:
            version, holder = self._look(name)
            if holder == saga_id:
                self._store.append(_stream(name), [LockReleased(saga_id)], expected_version=version)

    def holder(self, name: str) -> str | None:
        """Return the saga that holds a lock."""
        return self._look(name)[1]

    def _look(self, name: str) -> tuple[int, str | None]:
        """Return the version of the lock's stream, and who holds it."""
        events = self._store.read_stream(_stream(name))
        last = events[-1].body if events else None
        return len(events), last.saga_id if isinstance(last, LockTaken) else None


def _stream(name: str) -> str:
    return f"lock/{name}"
