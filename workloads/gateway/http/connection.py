"""Limits against clients that are slow on purpose (Slowloris), that send endless heads, or that never read.

uvicorn has none of these limits: its parser accepts any number of header bytes, and it waits forever for a client that completes neither
its head nor its body, or that does not read its answer.

A timer runs only while a client is late, so that a request that comes in one piece costs none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from workloads.gateway.configuration.document import Bounds
from workloads.gateway.http.joined import JoinedTransport

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_LEAST_READ_BYTES = 16_384
_LATE = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


def bounded_protocol(bounds: Callable[[], Bounds]) -> type[Any]:  # noqa: C901  # a class of short methods
    """Return a server protocol with limits on the time and size of request heads, and on the time that an answer may stay unread.

    ``bounds`` returns those that are in force, which a reload may change. A request finds its ``connection`` in its scope, and ``whole`` if
    its body is already there; ``on_left`` of the connection is called when the client leaves, and costs no task that waits for that.
    """

    class BoundedProtocol(HttpToolsProtocol):  # type: ignore[misc]  # uvicorn is not there where the types are checked
        def connection_made(self, transport: Any) -> None:
            self._head = 0  # the number of the head that has begun last
            self._in_head = False
            self._head_bytes = 0
            self._refused = False
            self._head_timer: asyncio.TimerHandle | None = None
            self._unread_timer: asyncio.TimerHandle | None = None
            self.on_left: Callable[[], None] | None = None
            super().connection_made(transport)
            self.transport = JoinedTransport(transport)
            self._wait()

        def data_received(self, data: bytes) -> None:
            if self._refused:
                return
            head = self._head if self._in_head else 0
            super().data_received(data)
            if not self._in_head or self.transport.is_closing():
                return
            if self._head == head:  # all of `data` is a part of a head that had begun before
                self._head_bytes += len(data)
                if self._head_bytes > bounds().max_head_bytes:
                    self._refuse(_TOO_LARGE)
                    return
            if self._head_timer is None:
                self._wait()

        def on_message_begin(self) -> None:
            self._head += 1
            self._in_head = True
            self._head_bytes = 0
            super().on_message_begin()
            self.scope["connection"] = self

        def on_headers_complete(self) -> None:
            self._in_head = False
            self._stop_waiting()
            if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > bounds().max_head_bytes:
                self._refuse(_TOO_LARGE)
                return
            super().on_headers_complete()

        def on_body(self, body: bytes) -> None:
            if not self._refused:
                super().on_body(body)

        def on_message_complete(self) -> None:
            if not self._refused:
                self.scope["whole"] = True
                super().on_message_complete()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._wait_for_reader()

        def resume_writing(self) -> None:
            self._stop_unread_timer()
            super().resume_writing()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            self._stop_unread_timer()
            super().connection_lost(exc)
            if self.on_left is not None:
                self.on_left()

        def _wait(self) -> None:
            self._head_timer = asyncio.get_running_loop().call_later(bounds().head_timeout_s, self._head_is_late)

        def _stop_waiting(self) -> None:
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None

        def _wait_for_reader(self) -> None:
            self._stop_unread_timer()
            unread = self.transport.get_write_buffer_size()
            self._unread_timer = asyncio.get_running_loop().call_later(bounds().unread_timeout_s, self._look_at_reader, unread)

        def _look_at_reader(self, before: int) -> None:
            if self.transport.get_write_buffer_size() > before - _LEAST_READ_BYTES:
                self.transport.abort()  # closing would wait until everything is read
            else:
                self._wait_for_reader()

        def _stop_unread_timer(self) -> None:
            if self._unread_timer is not None:
                self._unread_timer.cancel()
                self._unread_timer = None

        def _head_is_late(self) -> None:
            if self._answers:
                self._wait()  # it was sent ahead; it has time until it is its turn
            else:
                self._refuse(_LATE)

        @property
        def _answers(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _refuse(self, answer: bytes) -> None:
            self._refused = True
            self._stop_waiting()
            if self._answers:
                self.transport.abort()  # anything written now would look like a part of the answer to the request before
            elif not self.transport.is_closing():
                self.transport.write(answer)
                self.transport.close()

    return BoundedProtocol
