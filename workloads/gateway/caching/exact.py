"""The exact cache: a repeated request of the same tenant is answered without a provider.

Rule 1: a key contains everything that determines a response, the tenant first, so that no tenant sees another's data.
Rule 2: only complete responses are cached, and only for requests that are repeatable (temperature 0 or a seed) or opt in.
Rule 3: what is stored is bytes, so that it may be kept here (``memory.py``) or where all replicas find it (``shared.py``).
"""

from __future__ import annotations

import asyncio
import hashlib
import struct
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from foundation.dialects import json_bytes

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kept:
    """A complete response as it is stored; ``target`` is the name of the upstream that gave it."""

    content_type: bytes
    target: str
    body: bytes

    def to_bytes(self) -> bytes:
        """Return what is stored."""
        return b"\n".join((self.content_type, self.target.encode(), self.body))

    @classmethod
    def from_bytes(cls, stored: bytes) -> Kept | None:
        """Read what was stored; None if it is no response."""
        parts = stored.split(b"\n", 2)
        return cls(parts[0], parts[1].decode("utf-8", "replace"), parts[2]) if len(parts) == 3 else None


def vector_to_bytes(vector: list[float]) -> bytes:
    """Return a vector as it is stored: doubles, little-endian."""
    return struct.pack(f"<{len(vector)}d", *vector)


def vector_from_bytes(stored: bytes) -> list[float]:
    """Read a vector; empty if it is none."""
    return list(struct.unpack(f"<{len(stored) // 8}d", stored)) if len(stored) % 8 == 0 else []


def cache_key(tenant: str, route: str, dialect: str, document: dict[str, Any], versions: tuple[bytes, ...] = ()) -> bytes:
    """Return the key of a request; it ignores the order of fields, ``stream`` and ``user``. ``versions`` of its API are in headers."""
    told = {name: value for name, value in document.items() if name not in ("stream", "user", "metadata")}
    parts = (tenant.encode(), route.encode(), dialect.encode(), json_bytes.encode(_sorted(told)), *versions)
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
