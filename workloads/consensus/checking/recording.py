"""Clients that read and write a few keys of a real store, and the history that they saw."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from workloads.consensus.checking.history import Operation
from workloads.ports.coordination.errors import UnavailableError, UnknownOutcomeError
from workloads.ports.coordination.protocol import Coordination

Connect = Callable[[], AbstractAsyncContextManager[Coordination]]


class Recorder:
    """Runs clients until they are told to stop.

    Args:
        connect: returns a new client of the store, in the running event loop.
        clients: how many; each has one operation open at a time.
        keys: how many there are; few, so that clients meet.
        prefix: of the keys.
        seed: of what is asked.
        pause_s: mean time of a client between two operations.

    Attributes:
        history: of all clients, with times in seconds.
        writes: when each write was acknowledged, in order.
    """

    def __init__(
        self, connect: Connect, *, clients: int = 5, keys: int = 3, prefix: str = "drill/", seed: int = 1, pause_s: float = 0.01
    ) -> None:
        self.history: list[Operation] = []
        self.writes: list[float] = []
        self._connect = connect
        self._clients = clients
        self._keys = [f"{prefix}{number}" for number in range(keys)]
        self._chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._pause_s = pause_s
        self._number = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Ask until ``stop`` is set, and wait for the open operations."""
        await asyncio.gather(*(self._client(f"c{number}", stop) for number in range(self._clients)))

    async def _client(self, name: str, stop: asyncio.Event) -> None:
        async with self._connect() as store:
            while not stop.is_set():
                name = await self._choose(name, store)
                await asyncio.sleep(self._chance.expovariate(1 / self._pause_s))

    async def _choose(self, name: str, store: Coordination) -> str:
        self._number += 1
        key, action = self._chance.choice(self._keys), self._chance.choice(("get", "get", "put", "compare_and_set", "delete"))
        argument: Any = f"{name}:{self._number}" if action == "put" else None
        if action == "compare_and_set":
            seen = [each.result for each in self.history[-20:] if each.key == key and each.action == "get"]
            argument = (seen[-1] if seen else None, f"{name}:{self._number}")
        return await self.operate(name, store, key, action, argument)

    async def operate(self, name: str, store: Coordination, key: str, action: str, argument: Any = None) -> str:
        """Carry out one operation, and write it down; return the client's name for the next, which is new after one without an answer."""
        called = time.monotonic()
        try:
            result = await _ask(store, action, key, argument)
        except UnavailableError:
            return name  # it was not done
        except UnknownOutcomeError:
            self.history.append(Operation(name, key, action, argument, None, called, None))
            return f"{name.split('.', maxsplit=1)[0]}.{self._number}"
        returned = time.monotonic()
        self.history.append(Operation(name, key, action, argument, result, called, returned))
        if action != "get":
            self.writes.append(returned)
        return name


async def _ask(store: Coordination, action: str, key: str, argument: Any) -> Any:
    match action:
        case "get":
            there = await store.get(key)
            return there.value if there else None
        case "put":
            return await store.put(key, argument)
        case "compare_and_set":
            return await store.compare_and_set(key, *argument) is not None
    return await store.delete(key)
