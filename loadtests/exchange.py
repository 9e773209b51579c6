"""One request on one connection of the open loop, from its send to the end of its response."""

from __future__ import annotations

import asyncio
import errno
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from foundation.chat import Answer, reason_of
from foundation.measures.served import Served

if TYPE_CHECKING:
    from collections.abc import Callable

    from foundation.measures.outcome import RequestRecord
    from foundation.wire import Target
    from stacks.traffic import PlannedRequest

_OUR_LIMITS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM})
"""Failures of the generator's own machine: the request was never sent."""


class Connection(Protocol):
    """The connection of an exchange; asyncio's transports and :class:`~loadtests.plain_connection.PlainConnection` implement it."""

    def write(self, data: bytes) -> None:
        """Send ``data``."""

    def abort(self) -> None:
        """Close immediately."""


class Exchange(asyncio.Protocol):
    """Sends its request once connected and reads the response.

    Times are seconds of the loop's clock (``now``); ``on_end`` is called once. ``dispatched`` is when the connect was started: the time to
    connect counts against the engine, the time until then against the generator. ``sent`` is False if no connect could be started.
    ``answer`` reads the response, default: OpenAI's. ``exact_length``: the request asks for exactly the planned number of tokens, one per
    frame.
    """

    __slots__ = (
        "_connection",
        "_data",
        "_exact_length",
        "_now",
        "_on_end",
        "answer",
        "connecting",
        "dispatched",
        "planned",
        "sent",
        "target",
    )

    def __init__(
        self,
        planned: PlannedRequest,
        target: Target,
        *,
        now: Callable[[], float],
        on_end: Callable[[Exchange], None],
        answer: Answer | None = None,
        exact_length: bool = False,
    ) -> None:
        self.planned = planned
        self.target = target
        self.answer = Answer() if answer is None else answer
        self.dispatched = now()
        self.sent = True
        self.connecting: asyncio.Task[Any] | None = None
        self._data = b""
        self._exact_length = exact_length
        self._now = now
        self._on_end = on_end
        self._connection: Connection | None = None

    # -- called by the loop ---------------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request over an asyncio transport."""
        self.attach(cast("asyncio.Transport", transport))
        self.send()

    def data_received(self, data: bytes) -> None:
        """Read a part of the response."""
        if not self.answer.ended and self.answer.feed(data, self._now()):
            self._close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Handle the end of the connection."""
        if not self.answer.ended:
            self.answer.end(self._now(), reason_of(exc) if exc else None)
            self._close()

    @property
    def unwatched_bytes(self) -> int:
        """Return how many bytes may arrive before the next one whose time matters: 0, or about three quarters of the remaining tokens.

        A record holds only the times of the first and the last token. Frames may be up to a quarter smaller than the latest one before the
        last token is timed late. In a response of unknown length, any frame may be the last.
        """
        stream = self.answer.stream
        due = self.planned.output_tokens - stream.deltas
        if not self._exact_length or due < 3 or stream.finish_reason is not None:
            return 0
        return (due - max(1, due // 4)) * self.answer.length_on_the_wire

    # -- called by the run ----------------------------------------------------------------------------------------------------------

    def dispatch(self, data: bytes) -> None:
        """Record that the connect starts now, and what to send on the connection."""
        self.dispatched = self._now()
        self._data = data

    def attach(self, connection: Connection) -> None:
        """Attach the connection; it is closed when the response ends."""
        self._connection = connection
        if self.answer.ended:
            connection.abort()

    def send(self) -> None:
        """Write the request, unless the exchange ended before the connection was established."""
        if self._connection is not None and not self.answer.ended:
            data, self._data = self._data, b""
            self._connection.write(data)

    def connect_failed(self, error: OSError) -> None:
        """End the exchange: the connection failed."""
        self.connecting = None
        self.sent = error.errno not in _OUR_LIMITS
        self.fail(f"{'no connection' if self.sent else 'the generator could not open a connection'}: {reason_of(error)}")

    def time_out(self, after_s: float) -> None:
        """End the exchange because ``after_s`` seconds have passed since it was sent."""
        self.fail(f"no end after {after_s:g} s, {self.answer.progress}")

    def fail(self, why: str) -> None:
        """End the exchange as failed in any state; does nothing if it has already ended."""
        if not self.answer.ended:
            self.answer.fail(why, self._now())
            self._close()

    def record(self, start: float) -> RequestRecord:
        """Return the record, on the clock of a run that began at ``start``."""
        record = self.answer.record(
            start=start,
            intended_s=self.planned.at_s,
            sent_s=self.dispatched - start,
            prompt_tokens=self.planned.prompt_tokens,
            replica=self.target.name,
        )
        return replace(record, served=self._served()) if self.planned.route else record

    def _served(self) -> Served:
        """Return what the gateway said in the headers of its response; nothing has been said if there was none."""
        header = self.answer.header
        return Served(
            self.planned.route,
            header("x-gateway-provider"),
            header("x-gateway-model"),
            int(header("x-gateway-attempts") or 0),
            overhead_ms=float(overhead) if (overhead := header("x-gateway-overhead-ms")) else None,
            id=header("x-gateway-request-id"),
        )

    def _close(self) -> None:
        if self.connecting is not None and not self.connecting.done():
            self.connecting.cancel()
        if self._connection is not None:
            self._connection.abort()
        self._on_end(self)
