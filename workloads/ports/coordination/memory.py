"""The shipped fake: a store in this process, for tests and for a program that runs alone. Time is passed in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence

from workloads.ports.coordination.errors import CompactedError, LeaseLostError, RefusedError, SlowWatcherError
from workloads.ports.coordination.protocol import Change, KeyValue, Listing, Revision


class InMemoryCoordination:
    """Keys in a dictionary.

    Args:
        clock_s: tells the time, for leases.
        max_value_bytes: longer values are refused.
        history: revisions that are kept for watches.
    """

    def __init__(self, *, clock_s: Callable[[], float] = time.monotonic, max_value_bytes: int = 1 << 20, history: int = 1_000) -> None:
        self._clock_s = clock_s
        self._max_value_bytes = max_value_bytes
        self._history = history
        self._keys: dict[str, KeyValue] = {}
        self._lease_of: dict[str, str] = {}
        self._leases: dict[str, tuple[float, float]] = {}  # ttl and end, in seconds
        self._leases_granted = 0
        self._revision = 0
        self._revisions: list[Revision] = []
        self._news = asyncio.Condition()

    async def get(self, key: str) -> KeyValue | None:  # noqa: D102 - described by the protocol, as all below
        await self._expire()
        return self._keys.get(key)

    async def list(self, prefix: str) -> Listing:  # noqa: D102
        await self._expire()
        return Listing(self._revision, tuple(self._keys[key] for key in sorted(self._keys) if key.startswith(prefix)))

    async def put(self, key: str, value: str, *, lease: str | None = None) -> int:  # noqa: D102
        await self._expire()
        if len(value.encode()) > self._max_value_bytes:
            raise RefusedError(f"a value of {len(value.encode()):,} bytes; at most {self._max_value_bytes:,} are allowed")
        if lease is not None:
            self._require(lease)
        self._lease_of.pop(key, None)
        if lease is not None:
            self._lease_of[key] = lease
        await self._change([Change(key, value)])
        return self._revision

    async def compare_and_set(self, key: str, expected: str | None, value: str, *, lease: str | None = None) -> int | None:  # noqa: D102
        await self._expire()
        there = self._keys.get(key)
        if (there.value if there else None) != expected:
            return None
        return await self.put(key, value, lease=lease)

    async def delete(self, key: str) -> bool:  # noqa: D102
        await self._expire()
        if key not in self._keys:
            return False
        await self._change([Change(key, None)])
        return True

    async def grant(self, ttl_ms: int) -> str:  # noqa: D102
        self._leases_granted += 1
        lease = f"lease-{self._leases_granted}"
        self._leases[lease] = ttl_ms / 1000, self._clock_s() + ttl_ms / 1000
        return lease

    async def keep_alive(self, lease: str) -> None:  # noqa: D102
        await self._expire()
        self._require(lease)
        ttl_s, _ = self._leases[lease]
        self._leases[lease] = ttl_s, self._clock_s() + ttl_s

    async def revoke(self, lease: str) -> None:  # noqa: D102
        self._leases.pop(lease, None)
        keys = sorted(key for key, of in self._lease_of.items() if of == lease)
        if keys:
            await self._change([Change(key, None) for key in keys])

    async def watch(self, prefix: str, *, after: int) -> AsyncGenerator[Revision, None]:  # noqa: D102
        dropped = self._revisions[0].number - 1 if self._revisions else self._revision
        if after < dropped:
            raise CompactedError(f"the changes behind revision {after} are compacted up to {dropped}; list the keys and watch from there")
        while True:
            for each in await self._behind(after):
                after = each.number
                if changes := tuple(change for change in each.changes if change.key.startswith(prefix)):
                    yield Revision(each.number, changes)

    async def _behind(self, after: int) -> Sequence[Revision]:
        async with self._news:
            await self._news.wait_for(lambda: self._revision > after)
        if self._revisions[0].number > after + 1:
            raise SlowWatcherError(f"the changes behind revision {after} waited too long to be read; list the keys and watch from there")
        return [each for each in self._revisions if each.number > after]

    async def _expire(self) -> None:
        now_s = self._clock_s()
        for lease in [lease for lease, (_, until_s) in self._leases.items() if until_s <= now_s]:
            await self.revoke(lease)

    def _require(self, lease: str) -> None:
        if lease not in self._leases:
            raise LeaseLostError(f"lease {lease} has ended")

    async def _change(self, changes: Sequence[Change]) -> None:
        self._revision += 1
        for change in changes:
            if change.value is None:
                del self._keys[change.key]
                self._lease_of.pop(change.key, None)
            else:
                self._keys[change.key] = KeyValue(change.key, change.value, self._revision)
        self._revisions.append(Revision(self._revision, tuple(changes)))
        del self._revisions[: -self._history]
        async with self._news:
            self._news.notify_all()
