"""The port: what every store that coordinates must do. Its contract is ``tests/contract/coordination``.

Rule 1: operations are linearizable, across all members of a store.
Rule 2: every change has a revision, a number that grows; one request may change several keys in one revision.
Rule 3: a request is done once or not at all, however often its messages were repeated on the way.
Rule 4: a watch tells every revision behind its beginning, once and in order, or ends with an error.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class KeyValue:
    """A key that is there, with the revision of its last change."""

    key: str
    value: str
    revision: int


@dataclass(frozen=True, slots=True)
class Listing:
    """Keys in order, as they were at ``revision``."""

    revision: int
    keys: tuple[KeyValue, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What a key was set to; None: it was deleted, or its lease ran out."""

    key: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Revision:
    """The changes of one revision, of the keys that are watched."""

    number: int
    changes: tuple[Change, ...]


class Coordination(Protocol):
    """A store. Keys and values are text.

    Raises:
        UnavailableError: nothing was done.
        UnknownOutcomeError: it may have been done; never raised by ``get`` and ``list``.
        RefusedError: it will never be done.

    Every method but ``watch`` may raise these.
    """

    async def get(self, key: str) -> KeyValue | None:
        """Return ``key``; None if it is not there."""

    async def list(self, prefix: str) -> Listing:
        """Return all keys that begin with ``prefix``."""

    async def put(self, key: str, value: str, *, lease: str | None = None) -> int:
        """Set ``key``, and return the revision of that; with ``lease`` it lives as long as the lease.

        Raises:
            LeaseLostError: there is no such lease.
        """

    async def compare_and_set(self, key: str, expected: str | None, value: str, *, lease: str | None = None) -> int | None:
        """Set ``key`` if it has the value ``expected``, or with None if it is not there; return the revision, or None if it did not fit.

        Raises:
            LeaseLostError: there is no such lease.
        """

    async def delete(self, key: str) -> bool:
        """Delete ``key``; return whether it was there."""

    async def grant(self, ttl_ms: int) -> str:
        """Return a new lease that ends ``ttl_ms`` after its last keep-alive. A store may round up, to some seconds."""

    async def keep_alive(self, lease: str) -> None:
        """Begin the lease's time anew.

        Raises:
            LeaseLostError: it has ended.
        """

    async def revoke(self, lease: str) -> None:
        """End a lease, and delete its keys in one revision; a lease that has ended is no error."""

    def watch(self, prefix: str, *, after: int) -> AsyncGenerator[Revision, None]:
        """Yield the revisions behind ``after`` that change keys with ``prefix``, and wait for more.

        Lost connections are made again from where the watch was.

        Raises:
            CompactedError: changes behind ``after`` are not kept any more.
            SlowWatcherError: too much waits to be read.
            UnavailableError: no member could be reached for long.
        """
