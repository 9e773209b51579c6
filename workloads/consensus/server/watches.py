"""Who is told of which changes. A watch that is not read fast enough ends, so that one slow reader costs a bounded amount of memory."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.consensus.errors import CompactedError
from workloads.consensus.store.machine import Machine
from workloads.consensus.wire.connection import Connection
from workloads.consensus.wire.framing import Kind
from workloads.consensus.wire.requests import Status, encode

#: Of changes that a watcher has not read.
MAX_WAITING_BYTES = 4 << 20
#: Revisions without a change for a watch, before it is told how far it has come: so it can be resumed from there.
_PROGRESS = 100


@dataclass(slots=True)
class _Watch:
    prefix: str
    after: int
    told: int


class Watches:
    """All watches of one member's clients, by connection and number of the request."""

    def __init__(self) -> None:
        self._watches: dict[tuple[Connection, int], _Watch] = {}

    def __len__(self) -> int:
        return len(self._watches)

    def add(self, connection: Connection, number: int, prefix: str, after: int, machine: Machine) -> None:
        """Begin a watch, with what is behind ``after``."""
        self._watches[connection, number] = _Watch(prefix, after, after)
        connection.send(Kind.RESPONSE, encode(number, Status.OK))
        self._tell(connection, number, machine)

    def cancel(self, connection: Connection, number: int) -> None:
        """End a watch by the watcher's own wish."""
        self._watches.pop((connection, number), None)

    def drop(self, connection: Connection) -> None:
        """Forget the watches of a connection that is lost."""
        self._watches = {key: each for key, each in self._watches.items() if key[0] is not connection}

    def tell(self, machine: Machine) -> None:
        """Send what is new."""
        for connection, number in list(self._watches):
            self._tell(connection, number, machine)

    def end_all(self) -> None:
        """End all watches: this member may be cut off, and the watchers should look elsewhere."""
        for connection, number in list(self._watches):
            self._end(connection, number, Status.AGAIN, "this member knows no leader")

    def _tell(self, connection: Connection, number: int, machine: Machine) -> None:
        watch = self._watches[connection, number]
        if watch.after >= machine.revision:
            return
        try:
            revisions = machine.history.after(watch.after)
        except CompactedError as error:
            self._end(connection, number, Status.COMPACTED, str(error))
            return
        watch.after = machine.revision
        found = [
            [each.number, changes]
            for each in revisions
            if (changes := [change for change in each.changes if change[0].startswith(watch.prefix)])
        ]
        if not found and watch.after < watch.told + _PROGRESS:
            return
        watch.told = watch.after
        if connection.waiting_bytes > MAX_WAITING_BYTES:
            reason = f"{connection.waiting_bytes:,} bytes of changes wait to be read; at most {MAX_WAITING_BYTES:,} are kept"
            self._end(connection, number, Status.SLOW, reason)
            return
        connection.send(Kind.CHANGES, encode(number, Status.OK, [watch.after, found]))

    def _end(self, connection: Connection, number: int, status: Status, reason: str) -> None:
        del self._watches[connection, number]
        connection.send(Kind.RESPONSE, encode(number, status, reason))
