"""What a cache of responses can do, wherever it keeps them."""

from __future__ import annotations

from typing import Protocol


class Store(Protocol):
    """A bounded store of bytes that forgets each entry after its time to live.

    It never raises: a store that cannot be reached has nothing.
    """

    @property
    def out(self) -> bool:
        """Whether it is left alone for a while, because it could not be reached."""

    async def get(self, key: bytes) -> bytes | None:
        """Return the value; None if there is none, it has expired, or the store cannot be reached."""

    async def put(self, key: bytes, value: bytes) -> None:
        """Keep a value, or drop it: one that is larger than an eighth of the limit is not kept."""

    async def close(self) -> None:
        """Let go of connections."""
