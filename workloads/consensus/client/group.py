"""Finds the member that leads, and repeats what may be repeated: each request ends in an answer, or in an error that says what is known."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workloads.consensus import errors
from workloads.consensus.client.channel import Answered, Channel, LostError
from workloads.consensus.store.command import Action, Command
from workloads.consensus.wire.requests import Operation, Status
from workloads.ports.coordination.errors import RefusedError, UnavailableError, UnknownOutcomeError

_BACKOFF_S = 0.02


@dataclass(slots=True)
class Session:
    """Numbers the commands of one session; it has one open at a time, so a client has as many sessions as open commands."""

    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    number: int = 0


class Group:
    """A client of a group.

    Args:
        cluster: the name of the group.
        members: addresses by name.
        tls: None for plain TCP.
        timeout_s: for one request, with all its repeats.
        patience_s: for a silent connection, before another member is asked.
    """

    def __init__(
        self, cluster: str, members: Mapping[str, str], tls: ssl.SSLContext | None, *, timeout_s: float = 10.0, patience_s: float = 1.0
    ) -> None:
        self._cluster = cluster
        self._members = dict(members)
        self._tls = tls
        self._timeout_s = timeout_s
        self._patience_s = patience_s
        self._target = next(iter(self._members))
        self._failed: str | None = None
        self._channel: Channel | None = None
        self._connecting = asyncio.Lock()
        self._sessions: list[Session] = []

    def close(self) -> None:
        """Close the connection."""
        if self._channel is not None:
            self._channel.close()

    async def write(self, action: Action, key: str = "", **others: Any) -> Any:
        """Carry out a command once, and return ``[ok, value, revision, modified]``.

        Raises:
            UnavailableError: it was not done.
            UnknownOutcomeError: it may have been done.
            RefusedError: it will never be done.
        """
        while True:
            session = self._sessions.pop() if self._sessions else Session()
            session.number += 1
            status, body, repeated = await self._ask(
                Operation.COMMAND, Command(session.name, session.number, 0, action, key, **others).request()
            )
            if status == Status.OK:
                self._sessions.append(session)
                return json.loads(body)
            if status != Status.SESSION_EXPIRED:
                raise RefusedError(json.loads(body))
            if repeated:
                raise UnknownOutcomeError("the session was forgotten while its command was repeated; it may have been done")

    async def read(self, action: Action, key: str, value: str | None = None) -> Any:
        """Return the result of a get or a range, as ``write`` does; ``UnknownOutcomeError`` is impossible."""
        try:
            status, body, _ = await self._ask(Operation.COMMAND, Command("", 0, 0, action, key, value).request())
        except UnknownOutcomeError as error:
            raise UnavailableError(str(error)) from error
        if status != Status.OK:
            raise RefusedError(json.loads(body))
        return json.loads(body)

    async def ask(self, operation: Operation, body: Any) -> Any:
        """Ask the leader anything else; raises as ``write``."""
        status, answer, _ = await self._ask(operation, body)
        if status != Status.OK:
            raise RefusedError(json.loads(answer))
        return json.loads(answer)

    async def channel(self) -> Channel:
        """Return the connection to a member, made where there is none.

        Raises:
            LostError: this member cannot be reached; the next call tries another.
            errors.RefusedError: it is not of this group.
        """
        async with self._connecting:
            if self._channel is None or not self._channel.is_open:
                channel = Channel(self._patience_s)
                try:
                    await channel.connect(self._members[self._target], self._cluster, self._tls)
                except errors.ConsensusError:
                    self._failed = self._target
                    self._next()
                    raise
                self._channel = channel
            return self._channel

    def leave(self, channel: Channel, target: str | None = None) -> None:
        """Go on with another member, if ``channel`` is still the one in use."""
        if channel is not self._channel:
            return
        self._channel = None
        channel.close()
        if target in self._members and target != self._failed:  # a follower names a lost leader until it stands itself
            self._target = target
        else:
            self._next()
        self._failed = None

    async def _ask(self, operation: Operation, body: Any) -> tuple[int, bytes, bool]:
        """Return status, body, and whether an earlier try may have been carried out."""
        until_s = time.monotonic() + self._timeout_s
        repeated, refused, reason = False, 0, "no leader is known"
        while True:
            try:
                channel = await self.channel()
            except LostError as error:
                reason = str(error)
            except errors.ConsensusError as error:
                reason = str(error)
                refused += 1
                if refused >= len(self._members):  # one alone may be a stranger at a member's address
                    raise RefusedError(reason) from error
            else:
                answer, reason = await self._try(channel, operation, body, reason)
                if answer is not None and answer[0] != Status.NOT_LEADER:
                    return *answer, repeated
                repeated = repeated or answer is None
            if time.monotonic() > until_s:
                if repeated:
                    raise UnknownOutcomeError(f"no answer within {self._timeout_s:g} s ({reason}); it may have been done")
                raise UnavailableError(f"nothing was done within {self._timeout_s:g} s ({reason})")
            await asyncio.sleep(_BACKOFF_S)

    async def _try(self, channel: Channel, operation: Operation, body: Any, reason: str) -> tuple[Answered | None, str]:
        """Ask once; None: it may have been done."""
        try:
            status, answer = await channel.ask(operation, body)
        except LostError as error:
            lost = self._target if channel is self._channel else None
            self.leave(channel)
            self._failed = lost or self._failed
            return None, str(error)
        if status == Status.NOT_LEADER:
            leader = json.loads(answer)
            self.leave(channel, leader)
            return (status, answer), f"{leader} should lead" if leader else reason
        if status == Status.AGAIN:
            return None, "the member was not sure of it"
        return (status, answer), reason

    def _next(self) -> None:
        names = list(self._members)
        self._target = names[(names.index(self._target) + 1) % len(names)]
