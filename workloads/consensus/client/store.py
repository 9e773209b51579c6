"""The port ``workloads/ports/coordination``, on a group."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from workloads.consensus import errors
from workloads.consensus.client.channel import LostError
from workloads.consensus.client.group import Group
from workloads.consensus.store.command import LEASE_ENDED, Action
from workloads.consensus.wire.requests import Status
from workloads.consensus.wire.security import client_context
from workloads.ports.coordination.errors import CompactedError, LeaseLostError, RefusedError, SlowWatcherError, UnavailableError
from workloads.ports.coordination.protocol import Change, KeyValue, Listing, Revision

#: Frames of changes that may wait for a slow reader in this process.
_MAX_WAITING = 1_000


class ConsensusCoordination:
    """A client of a group; a context manager that closes its connection.

    Args:
        cluster: the name of the group.
        members: addresses by name.
        certificates: folder with ca.crt, tls.crt and tls.key; None: plain TCP.
        timeout_s: for one request, with all its repeats.
        patience_s: for a silent connection, before another member is asked.

    Raises:
        CertificateError: the certificates cannot be used.
    """

    def __init__(
        self,
        cluster: str,
        members: Mapping[str, str],
        certificates: Path | None = None,
        *,
        timeout_s: float = 10.0,
        patience_s: float = 1.0,
    ) -> None:
        tls = client_context(certificates) if certificates else None
        self._group = Group(cluster, members, tls, timeout_s=timeout_s, patience_s=patience_s)
        self._timeout_s = timeout_s

    async def __aenter__(self) -> Self:
        """Connect when first asked."""
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Close the connection."""
        self._group.close()
        await asyncio.sleep(0.01)  # the loop may end next, and must have closed the socket

    async def get(self, key: str) -> KeyValue | None:  # noqa: D102 - described by the protocol, as all below
        _, value, _, modified = await self._group.read(Action.GET, key)
        return None if value is None else KeyValue(key, value, modified)

    async def list(self, prefix: str) -> Listing:  # noqa: D102
        _, found, revision, _ = await self._group.read(Action.RANGE, prefix, end_of(prefix))
        return Listing(revision, tuple(KeyValue(*each) for each in found))

    async def put(self, key: str, value: str, *, lease: str | None = None) -> int:  # noqa: D102
        ok, _, revision, _ = await self._group.write(Action.PUT, key, value=value, lease=lease)
        if not ok:
            raise LeaseLostError(f"lease {lease} has ended")
        return int(revision)

    async def compare_and_set(self, key: str, expected: str | None, value: str, *, lease: str | None = None) -> int | None:  # noqa: D102
        ok, problem, revision, _ = await self._group.write(Action.COMPARE_AND_SET, key, value=value, expected=expected, lease=lease)
        if problem == LEASE_ENDED:
            raise LeaseLostError(f"lease {lease} has ended")
        return int(revision) if ok else None

    async def delete(self, key: str) -> bool:  # noqa: D102
        return bool((await self._group.write(Action.DELETE, key))[0])

    async def grant(self, ttl_ms: int) -> str:  # noqa: D102
        lease = uuid.uuid4().hex
        await self._group.write(Action.GRANT, lease=lease, ttl_ms=ttl_ms)
        return lease

    async def keep_alive(self, lease: str) -> None:  # noqa: D102
        if not (await self._group.write(Action.KEEP_ALIVE, lease=lease))[0]:
            raise LeaseLostError(f"lease {lease} has ended")

    async def revoke(self, lease: str) -> None:  # noqa: D102
        await self._group.write(Action.REVOKE, lease=lease)

    async def watch(self, prefix: str, *, after: int) -> AsyncGenerator[Revision, None]:  # noqa: D102
        until_s = time.monotonic() + self._timeout_s
        while True:
            queue: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
            try:
                channel = await self._group.channel()
                number = channel.watch(prefix, after, lambda status, body: queue.put_nowait((status, body)))  # noqa: B023 - one at a time
            except LostError as error:
                if time.monotonic() > until_s:
                    raise UnavailableError(f"no member could be reached for {self._timeout_s:g} s ({error})") from error
                await asyncio.sleep(0.02)
                continue
            except errors.ConsensusError as error:
                raise RefusedError(str(error)) from error
            try:
                while True:
                    status, body = await queue.get()
                    if status != Status.OK:
                        break
                    until_s = time.monotonic() + self._timeout_s
                    reached, found = json.loads(body) if body else (after, [])
                    for each, changes in found:
                        yield Revision(each, tuple(Change(*change) for change in changes))
                        after = each
                    after = max(after, reached)
                    if queue.qsize() > _MAX_WAITING:
                        raise SlowWatcherError(f"{queue.qsize():,} batches of changes wait to be read; watch again after {after}")
            finally:
                channel.cancel(number)
            _raise_end(status, body)
            if status == Status.AGAIN:
                self._group.leave(channel)
                await asyncio.sleep(0.02)


def end_of(prefix: str) -> str | None:
    """Return the first text behind all that begin with ``prefix``; None: there is no end."""
    for place in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[place]) + 1
        if code <= 0x10FFFF:
            return prefix[:place] + chr(0xE000 if code == 0xD800 else code)  # surrogates are no text
    return None


def _raise_end(status: int, body: bytes) -> None:
    errors_of: dict[int, Any] = {Status.COMPACTED: CompactedError, Status.SLOW: SlowWatcherError, Status.REFUSED: RefusedError}
    if status in errors_of:
        raise errors_of[status](json.loads(body))
