"""The cache in the gateway's own memory: the least recently used entry goes when the limit is exceeded."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class _Entry:
    value: bytes
    until_s: float


class MemoryStore:
    """A :class:`Store` bounded by the bytes of its values; ``now_s`` is monotonic."""

    def __init__(self, max_bytes: int, ttl_s: float, now_s: Callable[[], float] = time.monotonic) -> None:
        self.max_bytes = max_bytes
        self.ttl_s = ttl_s
        self.bytes = 0
        self._now_s = now_s
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()

    @property
    def out(self) -> bool:
        """Never: it is here."""
        return False

    async def get(self, key: bytes) -> bytes | None:
        """Return the value; None if there is none or it has expired."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.until_s <= self._now_s():
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry.value

    async def put(self, key: bytes, value: bytes) -> None:
        """Keep a value; one that is larger than an eighth of the limit is not kept."""
        if key in self._entries:
            self._drop(key)
        if len(value) * 8 > self.max_bytes:
            return
        self._entries[key] = _Entry(value, self._now_s() + self.ttl_s)
        self.bytes += len(value)
        while self.bytes > self.max_bytes:
            self._drop(next(iter(self._entries)))

    async def close(self) -> None:
        """Keep everything: there is nothing to let go of."""

    def __len__(self) -> int:
        return len(self._entries)

    def _drop(self, key: bytes) -> None:
        self.bytes -= len(self._entries.pop(key).value)
