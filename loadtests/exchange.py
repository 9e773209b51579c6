"""One request on one connection of the open loop, from its send to the end of its answer."""

from __future__ import annotations

import asyncio
import errno
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from foundation.chat import Answer, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from foundation.measures.outcome import RequestRecord
    from foundation.wire import Target
    from stacks.traffic import PlannedRequest

_OUR_LIMITS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM})
"""Failures of the generator's own machine: the request was never on its way."""


class Connection(Protocol):
    """What an exchange needs of a connection; asyncio's transports and :class:`~loadtests.plain_connection.PlainConnection` have it."""

    def write(self, data: bytes) -> None:
        """Send ``data``."""

    def abort(self) -> None:
        """Close at once."""


class Exchange(asyncio.Protocol):
    """Sends its request once connected and reads the answer.

    Times are seconds of the loop's clock (``now``); ``on_end`` is called once. ``dispatched`` is when its connection was asked for:
    the time to connect belongs to the engine, the time until then to the generator. ``sent`` is False where no connection could be
    asked for. ``exact_length``: the server was told to write exactly the planned number of tokens, one a frame.
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
        exact_length: bool = False,
    ) -> None:
        self.planned = planned
        self.target = target
        self.answer = Answer()
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
        """Send the request over a connection of asyncio's."""
        self.attach(cast("asyncio.Transport", transport))
        self.send()

    def data_received(self, data: bytes) -> None:
        """Read a piece of the answer."""
        if not self.answer.ended and self.answer.feed(data, self._now()):
            self._close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the end of the connection."""
        if not self.answer.ended:
            self.answer.end(self._now(), reason_of(exc) if exc else None)
            self._close()

    @property
    def unwatched_bytes(self) -> int:
        """How many bytes may come before the next one whose time matters: 0, or about three quarters of the tokens that are due.

        Only the first token and the last have times in a record. Frames may be a quarter smaller than the newest one was before the
        last token would be seen late; of an answer whose length nobody knows, every frame may be the last.
        """
        stream = self.answer.stream
        due = self.planned.output_tokens - stream.deltas
        if not self._exact_length or due < 3 or stream.finish_reason is not None:
            return 0
        return (due - max(1, due // 4)) * self.answer.length_on_the_wire

    # -- called by the run ----------------------------------------------------------------------------------------------------------

    def dispatch(self, data: bytes) -> None:
        """Note that the connection is being asked for now, and what is to be sent on it."""
        self.dispatched = self._now()
        self._data = data

    def attach(self, connection: Connection) -> None:
        """Take the connection, which is closed when the answer ends."""
        self._connection = connection
        if self.answer.ended:
            connection.abort()

    def send(self) -> None:
        """Write the request, unless the answer has ended before the connection came about."""
        if self._connection is not None and not self.answer.ended:
            data, self._data = self._data, b""
            self._connection.write(data)

    def connect_failed(self, error: OSError) -> None:
        """End it: no connection came about."""
        self.connecting = None
        self.sent = error.errno not in _OUR_LIMITS
        self.fail(f"{'no connection' if self.sent else 'the generator could not open a connection'}: {reason_of(error)}")

    def time_out(self, after_s: float) -> None:
        """End it because ``after_s`` seconds have passed since it was sent."""
        self.fail(f"no end after {after_s:g} s, {self.answer.progress}")

    def fail(self, why: str) -> None:
        """End it as failed, wherever it stands; does nothing where it has ended."""
        if not self.answer.ended:
            self.answer.fail(why, self._now())
            self._close()

    def record(self, start: float) -> RequestRecord:
        """Return the record, on the clock of a run that began at ``start``."""
        return self.answer.record(
            start=start,
            intended_s=self.planned.at_s,
            sent_s=self.dispatched - start,
            prompt_tokens=self.planned.prompt_tokens,
            replica=self.target.name,
        )

    def _close(self) -> None:
        if self.connecting is not None and not self.connecting.done():
            self.connecting.cancel()
        if self._connection is not None:
            self._connection.abort()
        self._on_end(self)
