"""Connections to the other members. A message that cannot be sent now is dropped: the protocol repeats what matters."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from workloads.consensus.raft.messages import Message
from workloads.consensus.spec import endpoint
from workloads.consensus.wire import messages
from workloads.consensus.wire.connection import Connection
from workloads.consensus.wire.framing import MAX_FRAME_BYTES, Kind
from workloads.consensus.wire.hello import Hello

_RETRY_S, _CONNECT_S = 0.1, 2.0
#: Of what a slow member has not read; a whole snapshot fits.
_MAX_WAITING_BYTES = MAX_FRAME_BYTES


class Links:
    """One connection to each other member, made again when it is lost.

    Args:
        me: this member.
        cluster: its group.
        members: addresses by name.
        tls: None for plain TCP.
        tell: is called with a line for the operator when a link changes.
    """

    def __init__(self, me: str, cluster: str, members: Mapping[str, str], tls: ssl.SSLContext | None, tell: Callable[[str], None]) -> None:
        self._hello = Hello(cluster, me)
        self._addresses = {name: address for name, address in members.items() if name != me}
        self._tls = tls
        self._tell = tell
        self._connections: dict[str, Connection] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._reasons: dict[str, str] = {}

    def start(self) -> None:
        """Begin to connect."""
        self._tasks = [asyncio.create_task(self._keep(name)) for name in self._addresses]

    async def stop(self) -> None:
        """Close all."""
        for task in self._tasks:
            task.cancel()
        for connection in self._connections.values():
            connection.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def send(self, batch: Iterable[Message]) -> None:
        """Send messages at once."""
        used = set()
        for message in batch:
            connection = self._connections.get(message.to)
            if connection is not None and connection.waiting_bytes < _MAX_WAITING_BYTES:
                connection.send(Kind.RAFT, messages.encode(message))
                used.add(connection)
        for connection in used:
            connection.flush()

    async def _keep(self, name: str) -> None:
        host, port = endpoint(self._addresses[name])
        while True:
            lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(_CONNECT_S):
                    await asyncio.get_running_loop().create_connection(
                        lambda: self._connection(name, lost),  # noqa: B023 - called in this turn
                        host,
                        port,
                        ssl=self._tls,
                    )
                reason = await lost
            except (OSError, TimeoutError) as error:
                reason = error
            self._connections.pop(name, None)
            self._note(name, str(reason or "the connection was closed"))
            await asyncio.sleep(_RETRY_S)

    def _connection(self, name: str, lost: asyncio.Future[Exception | None]) -> Connection:
        def made(connection: Connection) -> None:
            connection.send(Kind.HELLO, self._hello.encoded())

        def received(connection: Connection, kind: Kind, body: bytes) -> None:
            if kind is Kind.REFUSED:
                self._note(name, f"refused: {body.decode(errors='replace')}")
                connection.close()
            elif kind is Kind.HELLO:
                Hello.decoded(body).check(self._hello.cluster, connection.peer_certificate_names)
                self._connections[name] = connection
                self._note(name, "")

        def ended(_connection: Connection, reason: Exception | None) -> None:
            with suppress(asyncio.InvalidStateError):
                lost.set_result(reason)

        return Connection(received, ended, made=made, max_bytes=1 << 20)

    def _note(self, name: str, reason: str) -> None:
        if self._reasons.get(name) == reason or (self._reasons.get(name, "").startswith("refused") and reason):
            return
        self._reasons[name] = reason
        self._tell(f"cannot reach {name} at {self._addresses[name]}: {reason}" if reason else f"connected to {name}")
