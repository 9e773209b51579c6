"""A connection that can fail like a real network connection."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class BreakableProtocol(HttpToolsProtocol):  # type: ignore[misc]  # uvicorn is not there where the types are checked
    """HTTP/1.1 whose requests carry their transport."""

    def on_message_begin(self) -> None:
        """Hand the transport to the application."""
        super().on_message_begin()
        self.scope["transport"] = self.transport


def reset(scope: Any) -> None:
    """Break the connection with a TCP reset, so that not even the end is orderly."""
    transport: asyncio.Transport = scope["transport"]
    if (raw := transport.get_extra_info("socket")) is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def cut(scope: Any) -> None:
    """Close the connection in the middle of the body, after what was written."""
    scope["transport"].close()
