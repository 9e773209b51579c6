"""The exact cache: a repeated request of the same tenant is answered from memory.

Rule 1: a key contains everything that determines a response, the tenant first, so that no tenant sees another's data.
Rule 2: only complete responses are cached, and only for requests that are repeatable (temperature 0 or a seed) or opt in.
Rule 3: the least recently used entry is evicted when the size limit is exceeded; expired entries are removed.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from foundation.dialects import json_bytes

T = TypeVar("T")


@dataclass(slots=True)
class Entry:
    """A cached response; ``size`` is its approximate size in bytes."""

    value: Any
    size: int
    until_s: float


class ExactCache:
    """Bounded by bytes; ``now_s`` is monotonic."""

    def __init__(self, max_bytes: int, ttl_s: float) -> None:
        self.max_bytes = max_bytes
        self.ttl_s = ttl_s
        self.bytes = 0
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()

    def get(self, key: bytes, now_s: float) -> Any | None:
        """Return the cached value; None if there is none or it has expired."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.until_s <= now_s:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry.value

    def put(self, key: bytes, value: Any, size: int, now_s: float) -> None:
        """Cache a value of about ``size`` bytes; a value larger than an eighth of the limit is not cached."""
        if size * 8 > self.max_bytes:
            return
        if key in self._entries:
            self._drop(key)
        self._entries[key] = Entry(value, size, now_s + self.ttl_s)
        self.bytes += size
        while self.bytes > self.max_bytes:
            self._drop(next(iter(self._entries)))

    def __len__(self) -> int:
        return len(self._entries)

    def _drop(self, key: bytes) -> None:
        self.bytes -= self._entries.pop(key).size


def cache_key(tenant: str, route: str, dialect: str, document: dict[str, Any]) -> bytes:
    """Return the key of a request; it ignores the order of fields, ``stream`` and ``user``."""
    told = {name: value for name, value in document.items() if name not in ("stream", "stream_options", "user", "metadata")}
    parts = (tenant.encode(), route.encode(), dialect.encode(), json_bytes.encode(_sorted(told)))
    return hashlib.sha256(b"\0".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(one) for one in value] if isinstance(value, list) else value


class SingleFlight(Generic[T]):
    """Identical concurrent requests wait for one call; if it fails, all of them fail, and the call is forgotten."""

    def __init__(self) -> None:
        self._flights: dict[bytes, asyncio.Future[T | None]] = {}

    def join(self, key: bytes) -> asyncio.Future[T | None] | None:
        """Return the call in flight to wait for; None if the caller must make it."""
        if key in self._flights:
            return self._flights[key]
        self._flights[key] = asyncio.get_running_loop().create_future()
        return None

    def land(self, key: bytes, value: T | None) -> None:
        """End a call; with None the waiting requests make their own."""
        flight = self._flights.pop(key, None)
        if flight is not None and not flight.done():
            flight.set_result(value)
