"""What an operator asks of a group: who leads, members in and out."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from workloads.consensus.client.channel import Channel
from workloads.consensus.client.group import Group
from workloads.consensus.errors import ConfigurationError, ConsensusError
from workloads.consensus.spec import certificates_folder
from workloads.consensus.wire.requests import Operation
from workloads.consensus.wire.security import client_context
from workloads.ports.coordination.errors import CoordinationError

#: Entries that a new member may still miss when it is given its vote.
_NEAR = 100
_POLL_S, _SILENCE_S, _LIMIT_S = 0.1, 5.0, 60.0


class Operator:
    """Asks a group; a context manager. Arguments as of ``ConsensusCoordination``."""

    def __init__(self, cluster: str, members: Mapping[str, str], certificates: str | None = None) -> None:
        folder = certificates_folder(certificates)
        self._cluster = cluster
        self._members = dict(members)
        self._tls = client_context(folder) if folder else None
        self._group = Group(cluster, members, self._tls)

    async def __aenter__(self) -> Self:
        """Connect when first asked."""
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Close the connection."""
        self._group.close()

    async def statuses(self, *, besides: str | None = None) -> list[dict[str, Any]]:
        """Return what each member knows, ``besides`` left out; of one that cannot be asked, its name and the error."""
        return list(await asyncio.gather(*(self._status(name) for name in self._members if name != besides)))

    async def add(self, member: str) -> None:
        """Make ``member`` a learner, and a voter once it has caught up.

        Raises:
            ConfigurationError: it cannot be done; the message says why.
        """
        if member not in self._members:
            raise ConfigurationError(f"{member} is not in --members, which has {', '.join(self._members)}; give its address there")
        now = await self.leader()
        if member not in now["voters"]:
            await self._change(now["voters"], [*now["learners"], member])
            await self._wait(lambda leader, each: each["commit"] >= leader["commit"] - _NEAR and bool(each["commit"]), member)
            now = await self.leader()
            await self._change([*now["voters"], member], [each for each in now["learners"] if each != member])

    async def remove(self, member: str) -> None:
        """Take ``member`` out; raises as ``add``."""
        now = await self.leader()
        if member not in (known := [*now["voters"], *now["learners"]]):
            raise ConfigurationError(f"{member} is no member of this group, which has {', '.join(known)}")
        await self._change([each for each in now["voters"] if each != member], [each for each in now["learners"] if each != member])

    async def transfer(self, member: str) -> None:
        """Let ``member`` lead; raises as ``add``."""
        await self._ask(Operation.TRANSFER, member)
        await self._wait(lambda _, each: each["leader"] == member, member)

    async def _status(self, name: str) -> dict[str, Any]:
        channel = Channel(1.0)
        try:
            await channel.connect(self._members[name], self._cluster, self._tls)
            _, body = await channel.ask(Operation.STATUS, None)
        except ConsensusError as error:
            return {"member": name, "error": str(error)}
        finally:
            channel.close()
        return dict(json.loads(body))

    async def leader(self) -> dict[str, Any]:
        """Return what the leader knows; waits for one, at most a minute.

        Raises:
            ConfigurationError: no member leads, or none can be asked for some seconds.
        """
        until_s, silent_until_s = time.monotonic() + _LIMIT_S, time.monotonic() + _SILENCE_S
        while True:
            statuses = await self.statuses()
            if leading := [each for each in statuses if each.get("role") == "leader"]:
                return max(leading, key=lambda each: each["term"])
            if not all("error" in each for each in statuses):
                silent_until_s = time.monotonic() + _SILENCE_S
            if time.monotonic() > min(until_s, silent_until_s):
                said = "; ".join(f"{each['member']}: {each.get('error', 'follows nobody')}" for each in statuses)
                raise ConfigurationError(f"no member leads ({said})")
            await asyncio.sleep(_POLL_S)

    async def _change(self, voters: list[str], learners: list[str]) -> None:
        await self._ask(Operation.CHANGE_MEMBERS, [voters, learners])
        wanted = {"voters": sorted(voters), "learners": sorted(learners), "outgoing": []}
        await self._wait(lambda leader, _: all(leader[name] == value for name, value in wanted.items()), None)

    async def _wait(self, holds: Any, member: str | None) -> None:
        try:
            async with asyncio.timeout(_LIMIT_S):
                while True:
                    leader = await self.leader()
                    each = leader if member is None else await self._status(member)
                    if "error" not in each and holds(leader, each):
                        return
                    await asyncio.sleep(_POLL_S)
        except TimeoutError as error:
            raise ConfigurationError(f"not done within {_LIMIT_S:g} s; ask for the status, and again") from error

    async def _ask(self, operation: Operation, body: Any) -> None:
        try:
            await self._group.ask(operation, body)
        except CoordinationError as error:
            raise ConfigurationError(str(error)) from error
