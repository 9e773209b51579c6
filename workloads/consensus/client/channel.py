"""One connection to one member: many requests at a time, each answered by its number."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

from workloads.consensus.errors import ConsensusError, RefusedError
from workloads.consensus.spec import endpoint
from workloads.consensus.wire.connection import Connection
from workloads.consensus.wire.framing import MAX_FRAME_BYTES, Kind
from workloads.consensus.wire.hello import Hello
from workloads.consensus.wire.requests import Operation, decode, encode

Answered = tuple[int, bytes]
_CONNECT_S = 1.0


class LostError(ConsensusError):
    """The connection ended before the answer came."""


class Channel:
    """A connection to a member.

    Args:
        patience_s: a connection with open requests on which nothing arrives for so long is taken for dead.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._connection: Connection | None = None
        self._open: dict[int, asyncio.Future[Answered]] = {}
        self._watches: dict[int, Callable[[int, bytes], None]] = {}
        self._number = 0
        self._hello: asyncio.Future[Hello] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._seen_bytes = -1
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""
        return self._connection is not None

    async def connect(self, address: str, cluster: str, tls: ssl.SSLContext | None) -> None:
        """Connect.

        Raises:
            LostError: nobody answers there.
            RefusedError: the member, or its certificate, is not of this group.
        """
        host, port = endpoint(address)
        try:
            async with asyncio.timeout(_CONNECT_S):
                _, connection = await self._loop.create_connection(
                    lambda: Connection(self._received, self._lost, max_bytes=MAX_FRAME_BYTES), host, port, ssl=tls
                )
                connection.send(Kind.HELLO, Hello(cluster).encoded())
                self._connection = connection
                (await asyncio.shield(self._hello)).check(cluster, connection.peer_certificate_names)
        except ssl.SSLCertVerificationError as error:
            raise RefusedError(f"{address}: the certificate of this member is not trusted: {error.verify_message}") from error
        except (OSError, TimeoutError) as error:
            self.close()
            raise LostError(f"{address}: {error or 'no answer'}") from error
        except ConsensusError:
            self.close()
            raise
        self._look_for_life()

    def close(self, reason: Exception | None = None) -> None:
        """Close; open requests fail, and watches are told."""
        if self._connection is not None:
            self._connection.abort()
        self._end(reason)

    async def ask(self, operation: Operation, body: Any) -> Answered:
        """Send a request, and return the status and the body of its answer.

        Raises:
            LostError: the connection ended first; whether it was carried out is unknown.
        """
        if self._connection is None:
            raise LostError("the connection is closed")
        self._number += 1
        answer: asyncio.Future[Answered] = self._loop.create_future()
        self._open[self._number] = answer
        self._connection.send(Kind.REQUEST, encode(self._number, operation, body))
        return await answer

    def watch(self, prefix: str, after: int, take: Callable[[int, bytes], None]) -> int:
        """Begin a watch; ``take`` is called with each status and body, and with -1 when the connection is lost. Return its number."""
        if self._connection is None:
            raise LostError("the connection is closed")
        self._number += 1
        self._watches[self._number] = take
        self._connection.send(Kind.REQUEST, encode(self._number, Operation.WATCH, [prefix, after]))
        return self._number

    def cancel(self, number: int) -> None:
        """End a watch."""
        if self._watches.pop(number, None) is not None and self._connection is not None:
            self._connection.send(Kind.REQUEST, encode(0, Operation.CANCEL, number))

    def _received(self, connection: Connection, kind: Kind, body: bytes) -> None:
        if kind is Kind.HELLO:
            if not self._hello.done():
                self._hello.set_result(Hello.decoded(body))
            return
        if kind is Kind.REFUSED:
            if not self._hello.done():
                self._hello.set_exception(RefusedError(body.decode(errors="replace")))
            connection.close()
            return
        number, status, content = decode(body)
        if (take := self._watches.get(number)) is not None:
            take(status, content if kind is Kind.CHANGES or status else b"")
        elif (answer := self._open.pop(number, None)) is not None and not answer.done():
            answer.set_result((status, content))

    def _lost(self, _connection: Connection, reason: Exception | None) -> None:
        self._end(reason)

    def _end(self, reason: Exception | None) -> None:
        self._connection = None
        if self._timer is not None:
            self._timer.cancel()
        lost = LostError(str(reason or "the connection was closed"))
        answers: list[asyncio.Future[Any]] = [self._hello, *self._open.values()]
        for answer in answers:
            if not answer.done():
                answer.set_exception(lost)
                answer.exception()  # whoever waited may have gone
        watches, self._open, self._watches = self._watches, {}, {}
        for take in watches.values():
            take(-1, str(lost).encode())

    def _look_for_life(self) -> None:
        """Close a connection on which nothing arrives; where only watches are open, ask something for that purpose."""
        if self._connection is None:
            return
        if self._open and self._connection.received_bytes == self._seen_bytes:
            self.close(TimeoutError(f"nothing arrived for {self._patience_s:g} s"))
            return
        self._seen_bytes = self._connection.received_bytes if self._open or self._watches else -1
        if self._watches and not self._open:
            self._number += 1
            self._open[self._number] = self._loop.create_future()
            self._connection.send(Kind.REQUEST, encode(self._number, Operation.STATUS))
        self._timer = self._loop.call_later(self._patience_s, self._look_for_life)
