"""A member from its arguments to its end."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from foundation.processes.lock import FileLock
from workloads.consensus.client.operator import Operator
from workloads.consensus.errors import ConfigurationError, ConsensusError, OwnerError
from workloads.consensus.raft.configuration import Configuration
from workloads.consensus.raft.member import Member
from workloads.consensus.raft.messages import Snapshot
from workloads.consensus.raft.state import Role
from workloads.consensus.server.doors import HELLO_S, Doors, status_of
from workloads.consensus.server.driver import Driver
from workloads.consensus.server.health import Health
from workloads.consensus.server.links import Links
from workloads.consensus.server.metrics import exposition
from workloads.consensus.server.watches import Watches
from workloads.consensus.spec import CoordinationSpec, certificates_folder
from workloads.consensus.store.machine import Machine
from workloads.consensus.store.replica import Replica
from workloads.consensus.wal.files import Files, Folder
from workloads.consensus.wal.storage import Storage
from workloads.consensus.wire.hello import Hello
from workloads.consensus.wire.security import Certificates

#: A leader that is stopped hands over first; without an heir it goes after this time.
_HAND_OVER_S = 2.0
#: Between two looks at the files of the certificates.
_REFRESH_S = 10.0


class Process:
    """One member.

    Args:
        spec: its arguments.
        files: its folder; a test of the checks puts a broken one here.
        replica, member: the classes of its copy and of its protocol, likewise.
    """

    def __init__(
        self, spec: CoordinationSpec, *, files: Files | None = None, replica: type[Replica] = Replica, member: type[Member] = Member
    ) -> None:
        self.name = spec.name or socket.gethostname()
        if self.name not in spec.members:
            raise ConfigurationError(f"member {self.name} is not in --members, which has {', '.join(spec.members)}; give its --name")
        self._spec = spec
        self._replica, self._member = replica, member
        folder = Path(spec.data)
        self._lock = FileLock(folder / "lock")
        try:
            is_ours = self._lock.try_acquire()
        except (FileExistsError, FileNotFoundError, NotADirectoryError, PermissionError) as error:
            raise ConfigurationError(f"{folder}: {error.strerror}; give a folder that this member may write to with --data") from error
        if not is_ours:
            raise OwnerError(f"{folder}: another process uses this folder; each member needs its own")
        certificates = certificates_folder(spec.certificates)
        self._certificates = Certificates(certificates) if certificates else None
        client_tls = self._certificates.client if self._certificates else None
        self._links = Links(self.name, spec.cluster, spec.members, client_tls, lambda line: tell(self.name, line))
        first = Snapshot(0, 0, Configuration(frozenset(spec.members)), Machine().snapshot())
        self._storage = Storage(files or Folder(folder / "log"), first, owner=f"{spec.cluster}/{self.name}")
        self._watches = Watches()
        self._doors = Doors(Hello(spec.cluster, self.name), lambda: self._driver, self._watches, set(spec.members))
        self._leader: str | None = None

    async def run(self, listener: socket.socket, health: socket.socket, ready: Callable[[], None]) -> None:
        """Serve until SIGTERM or SIGINT.

        Raises:
            ConsensusError: the folder cannot be used.
            OSError: the disk failed.
        """
        loop = asyncio.get_running_loop()
        self._driver = Driver(
            self.name,
            self._storage,
            self._spec.election_ms,
            send=self._links.send,
            changed=self._changed,
            reads=self._spec.reads,
            replica=self._replica,
            member=self._member,
        )
        if self._storage.is_new:
            await self._check_that_nothing_is_lost()
        stopped = asyncio.Event()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, stopped.set)
        tls = self._certificates.server if self._certificates else None
        server = await loop.create_server(self._doors.connection, sock=listener, ssl=tls, ssl_handshake_timeout=HELLO_S if tls else None)
        probes = await asyncio.start_server(Health(lambda: status_of(self._driver), self._metrics).serve, sock=health)
        self._links.start()
        self._driver.start()
        self._refresh_certificates()
        ready()
        waiting = asyncio.ensure_future(stopped.wait())
        ends: list[asyncio.Future[Any]] = [waiting, self._driver.failed]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not self._driver.failed.done():
            await self._hand_over()
        server.close()
        probes.close()
        self._doors.close()
        await self._links.stop()
        self._lock.release()
        if self._driver.failed.done():
            self._driver.failed.result()

    async def _check_that_nothing_is_lost(self) -> None:
        """Refuse to vote with an empty folder where the leader had acknowledgements of this name: the disk was lost.

        A leader knows them of its own term alone, so this is a help, no proof.
        """
        certificates = certificates_folder(self._spec.certificates)
        async with Operator(self._spec.cluster, self._spec.members, str(certificates) if certificates else None) as operator:
            statuses = await operator.statuses(besides=self.name)
        for each in statuses:
            if each.get("acknowledged", {}).get(self.name, 0) > 0 and self.name in each["voters"]:
                raise OwnerError(
                    f"the folder is empty, but {each['member']} has acknowledgements of {self.name}: its disk was lost, and with it "
                    f"whom it voted for. Ask `remove {self.name}`, start it, then `add {self.name}`"
                )

    async def _hand_over(self) -> None:
        """Give leadership to the member that has most of the log, so that the group need not wait for an election."""
        member = self._driver.member
        if member.leadership is None:
            return
        followers = {name: each for name, each in member.leadership.followers.items() if name in member.log.configuration.voters}
        if not followers:
            return
        with suppress(ConsensusError, TimeoutError):
            member.transfer(max(followers, key=lambda name: followers[name].match))
            self._driver.wake()
            async with asyncio.timeout(_HAND_OVER_S):
                while member.leadership is not None:  # noqa: ASYNC110 - the member has no events, and this is its end
                    await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)  # the open answers leave

    def _refresh_certificates(self) -> None:
        if self._certificates is None:
            return
        try:
            if self._certificates.refresh():
                tell(self.name, "the certificates were renewed")
        except ConsensusError as error:
            tell(self.name, f"{error}; the old ones are kept")
        asyncio.get_running_loop().call_later(_REFRESH_S, self._refresh_certificates)

    def _changed(self) -> None:
        driver = self._driver
        self._watches.tell(driver.replica.machine)
        leader = self.name if driver.member.role is Role.LEADER else driver.member.leader
        if leader is not None and leader != self._leader:
            tell(self.name, f"{leader} leads term {driver.member.term}")
        if leader is None and self._leader is not None and len(self._watches):
            asyncio.get_running_loop().call_later(2 * self._spec.election_ms / 1000, self._end_watches_without_leader)
        self._leader = leader

    def _end_watches_without_leader(self) -> None:
        if self._leader is None:
            self._watches.end_all()

    def _metrics(self) -> str:
        status = {**status_of(self._driver), "clients": self._doors.clients, "watches": len(self._watches)}
        return exposition(status, self._driver.fsyncs, Path(self._spec.data))


def tell(name: str, line: str) -> None:
    """Write a line for the operator."""
    sys.stderr.write(f"coordination {name}: {line}\n")
    sys.stderr.flush()
