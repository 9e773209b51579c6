"""Limits against slow clients (Slowloris) and oversized headers.

uvicorn has neither limit: its parser accepts any number of header bytes, and it waits forever for a client that never completes its head.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


def bounded_protocol(*, head_timeout_s: float, max_head_bytes: int) -> type[Any]:  # noqa: C901  # a class of short methods
    """Return a server protocol with limits on the time and size of request heads."""

    class BoundedProtocol(HttpToolsProtocol):  # type: ignore[misc]  # uvicorn is not there where the types are checked
        def connection_made(self, transport: Any) -> None:
            self._head_bytes = 0
            self._head_timer: asyncio.TimerHandle | None = None
            super().connection_made(transport)
            self._await_head()

        def data_received(self, data: bytes) -> None:
            if self._head_timer is not None:
                self._head_bytes += len(data)
                # The body's first bytes may come with the head; what is over the bound is then no head any more.
                if self._head_bytes > max_head_bytes and b"\r\n\r\n" not in data:
                    self._refuse(b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
                    return
            elif self.cycle is None or self.cycle.response_complete:
                self._await_head()
                self._head_bytes = len(data)
            super().data_received(data)

        def on_headers_complete(self) -> None:
            self._stop_timer()
            if sum(len(name) + len(value) for name, value in self.headers) > max_head_bytes:
                self._refuse(b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
                return
            super().on_headers_complete()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_timer()
            super().connection_lost(exc)

        def _await_head(self) -> None:
            late = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            self._head_timer = asyncio.get_running_loop().call_later(head_timeout_s, self._refuse, late)

        def _stop_timer(self) -> None:
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None

        def _refuse(self, answer: bytes) -> None:
            self._stop_timer()
            if not self.transport.is_closing():
                self.transport.write(answer)
                self.transport.close()

    return BoundedProtocol
