"""Connections from members and clients: who may come in, and what is done for them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

from workloads.consensus.errors import BusyError, ConsensusError, NotLeaderError, ProtocolError
from workloads.consensus.raft.state import Role
from workloads.consensus.server.driver import Driver
from workloads.consensus.server.watches import Watches
from workloads.consensus.store.command import SESSION_EXPIRED, Command, Result, stamped
from workloads.consensus.store.replica import READS
from workloads.consensus.wire import messages
from workloads.consensus.wire.connection import Connection
from workloads.consensus.wire.framing import MAX_FRAME_BYTES, Kind
from workloads.consensus.wire.hello import Hello
from workloads.consensus.wire.requests import MAX_REQUEST_BYTES, Operation, Status, decode, encode

#: Whoever has not said who it is by then is shown out, for TLS as well.
HELLO_S: Final = 5.0


class Doors:
    """Everyone who has connected.

    Args:
        hello: of this member.
        driver: carries out requests.
        watches: of this member.
        addresses: names of the members that may connect.
    """

    def __init__(self, hello: Hello, driver: Callable[[], Driver], watches: Watches, addresses: set[str]) -> None:
        self._hello = hello
        self._driver = driver
        self._watches = watches
        self._addresses = addresses
        self._guests: dict[Connection, Hello] = {}

    @property
    def clients(self) -> int:
        """Clients that are connected."""
        return sum(not each.member for each in self._guests.values())

    def connection(self) -> Connection:
        """Return the protocol of a new connection."""
        return Connection(self._received, self._lost, made=self._expect_hello, max_bytes=MAX_REQUEST_BYTES)

    def close(self) -> None:
        """Close all connections."""
        for connection in list(self._guests):
            connection.close()

    def _expect_hello(self, connection: Connection) -> None:
        def end() -> None:
            if connection not in self._guests:
                connection.abort()

        asyncio.get_running_loop().call_later(HELLO_S, end)

    def _lost(self, connection: Connection, _reason: Exception | None) -> None:
        self._guests.pop(connection, None)
        self._watches.drop(connection)

    def _received(self, connection: Connection, kind: Kind, body: bytes) -> None:
        guest = self._guests.get(connection)
        if guest is None:
            self._welcome(connection, kind, body)
        elif kind is Kind.RAFT and guest.member:
            message = messages.decode(body)
            if (message.sender, message.to) != (guest.member, self._hello.member):
                raise ProtocolError(f"a message from {message.sender} to {message.to} on the connection of {guest.member}")
            self._driver().receive(message)
        elif kind is Kind.REQUEST:
            self._request(connection, *decode(body))
        else:
            raise ProtocolError("a frame that has no place here")

    def _welcome(self, connection: Connection, kind: Kind, body: bytes) -> None:
        if kind is not Kind.HELLO:
            raise ProtocolError("the first frame must be a hello")
        guest = Hello.decoded(body)
        guest.check(self._hello.cluster, connection.peer_certificate_names)
        if guest.member:
            if guest.member not in self._addresses:
                raise ProtocolError(f"member {guest.member} is not in --members of {self._hello.member}")
            connection.allow(MAX_FRAME_BYTES)
        self._guests[connection] = guest
        connection.send(Kind.HELLO, self._hello.encoded())

    def _request(self, connection: Connection, number: int, code: int, body: bytes) -> None:
        def answer(status: Status, content: Any = None) -> None:
            connection.send(Kind.RESPONSE, encode(number, status, content))

        try:
            if code == Operation.COMMAND:
                self._command(body, answer)
                return
            content = json.loads(body)
            match code:
                case Operation.WATCH:
                    prefix, after = content
                    self._watches.add(connection, number, str(prefix), int(after), self._driver().replica.machine)
                case Operation.CANCEL:
                    self._watches.cancel(connection, int(content))
                case Operation.STATUS:
                    answer(Status.OK, status_of(self._driver()))
                case Operation.CHANGE_MEMBERS:
                    self._driver().member.change(*content)
                    self._driver().wake()
                    answer(Status.OK)
                case Operation.TRANSFER:
                    self._driver().member.transfer(str(content))
                    self._driver().wake()
                    answer(Status.OK)
                case _:
                    answer(Status.REFUSED, f"no operation {code}; update this member")
        except NotLeaderError as error:
            answer(Status.NOT_LEADER, error.leader)
        except BusyError:
            answer(Status.AGAIN)
        except ConsensusError as error:
            answer(Status.REFUSED, str(error))
        except (ValueError, TypeError) as error:
            answer(Status.REFUSED, f"a request that cannot be read: {error}")

    def _command(self, body: bytes, answer: Callable[..., None]) -> None:
        driver = self._driver()
        now_ms = driver.now_ms
        command = Command.requested(body, now_ms)
        if command.action not in READS and not (command.client and command.number):
            raise ProtocolError("a command that changes something needs a session and a number")

        def done(result: Result | None) -> None:
            if result is None:
                answer(Status.AGAIN)
            elif result.error is not None:
                answer(Status.SESSION_EXPIRED if result.error == SESSION_EXPIRED else Status.REFUSED, result.error)
            else:
                answer(Status.OK, [result.ok, result.value, result.revision, result.modified])

        driver.request(command, stamped(body, now_ms), done)


def status_of(driver: Driver) -> dict[str, Any]:
    """Return what a member knows of itself and its group."""
    member, replica = driver.member, driver.replica
    configuration = member.log.configuration
    return {
        "member": member.me,
        "role": member.role.value,
        "leader": member.me if member.role is Role.LEADER else member.leader,
        "term": member.term,
        "commit": member.commit,
        "applied": replica.applied,
        "revision": replica.machine.revision,
        "keys": len(replica.machine.values),
        "acknowledged": {name: each.match for name, each in member.leadership.followers.items()} if member.leadership else {},
        "voters": sorted(configuration.voters),
        "outgoing": sorted(configuration.outgoing),
        "learners": sorted(configuration.learners),
    }
