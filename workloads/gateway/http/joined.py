"""A response's head and the beginning of its body in one write: one system call and one packet, and the client wakes up once."""

from __future__ import annotations

import asyncio
from typing import Any


class JoinedTransport:
    """A transport that can hold one write back until the next."""

    __slots__ = ("_held", "_holds", "_transport", "is_closing")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.is_closing = transport.is_closing  # asked at every request
        self._held = b""
        self._holds = False

    def hold_next(self) -> None:
        """Hold the next write back: the caller knows that another follows at once."""
        self._holds = True

    def write(self, data: bytes) -> None:
        """Write, or hold back."""
        if self._holds:
            self._held, self._holds = data, False
            return
        if self._held:
            data, self._held = self._held + data, b""
        self._transport.write(data)

    def close(self) -> None:
        """Close after all that was written."""
        if self._held:
            self.write(b"")
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
