"""Locks with fencing tokens, and the election of a leader: who waits has a key of its own, and the oldest key holds.

A holder can stop without knowing it: a long pause, a lost network. So a lock alone protects nothing; what it protects must refuse a
token that is lower than one it has seen (Kleppmann, "How to do distributed locking", 2016). Each waits for the one before it alone, so a
lock that becomes free wakes one waiter, not all (Hunt et al., "ZooKeeper", 2010, section 2.4).
"""

from __future__ import annotations

from contextlib import aclosing
from types import TracebackType
from typing import Self

from workloads.ports.coordination.keeping import Keeping
from workloads.ports.coordination.protocol import Coordination, KeyValue, Listing


class _Turn:
    """A turn among those who have a key under a prefix, each with its own lease; the lowest revision is first.

    Attributes:
        token: the fencing token: it grows with each holder. Pass it on to what is protected.
    """

    def __init__(self, store: Coordination, prefix: str, value: str, ttl_ms: int) -> None:
        self._store = store
        self._prefix = prefix
        self._value = value
        self._keeping = Keeping(store, ttl_ms)
        self.token = 0

    @property
    def is_lost(self) -> bool:
        """Whether the lease may have ended, so that another may have the turn."""
        return self._keeping.lost.is_set()

    async def __aenter__(self) -> Self:
        """Wait for the turn; raises as the store does."""
        await self._keeping.__aenter__()
        try:
            lease = self._keeping.lease
            self.token = await self._store.put(self._prefix + lease, self._value, lease=lease)
            while before := self._before(listing := await self._store.list(self._prefix)):
                await self._wait_for_end(before, listing.revision)
        except BaseException:
            await self._keeping.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Pass the turn on."""
        await self._keeping.__aexit__(kind, error, traceback)

    def _before(self, listing: Listing) -> KeyValue | None:
        return max((each for each in listing.keys if each.revision < self.token), key=lambda each: each.revision, default=None)

    async def _wait_for_end(self, other: KeyValue, revision: int) -> None:
        async with aclosing(self._store.watch(other.key, after=revision)) as revisions:
            async for each in revisions:
                if any(change.key == other.key and change.value is None for change in each.changes):
                    return


class Lock(_Turn):
    """A lock by name: ``async with Lock(store, "migration") as lock: … lock.token …``.

    Args:
        store: where everyone looks.
        name: of the lock.
        ttl_ms: how long it stays locked by a holder that has died.
    """

    def __init__(self, store: Coordination, name: str, *, ttl_ms: int = 5_000) -> None:
        super().__init__(store, f"locks/{name}/", "", ttl_ms)


class Election(_Turn):
    """One leader among candidates: ``async with Election(store, "scheduler", me)`` waits until ``me`` leads; the token is its term.

    Args:
        store: where everyone looks.
        name: of the office.
        candidate: who stands.
        ttl_ms: how long a leader that has died still counts as one.
    """

    def __init__(self, store: Coordination, name: str, candidate: str, *, ttl_ms: int = 5_000) -> None:
        super().__init__(store, f"elections/{name}/", candidate, ttl_ms)

    @staticmethod
    async def leader(store: Coordination, name: str) -> str | None:
        """Return who leads; None if nobody stands."""
        keys = (await store.list(f"elections/{name}/")).keys
        return min(keys, key=lambda each: each.revision).value if keys else None
