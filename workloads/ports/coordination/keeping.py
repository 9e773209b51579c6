"""A lease that is kept alive while a block runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from workloads.ports.coordination.errors import CoordinationError, LeaseLostError
from workloads.ports.coordination.protocol import Coordination


class Keeping:
    """Grants a lease on entry, keeps it alive three times in its time, and revokes it on exit.

    Args:
        store: that grants it.
        ttl_ms: how long it outlives a holder that has died.
        healthy: asked before each keep-alive; while it says no, the lease is left to run out.

    Attributes:
        lease: its name.
        lost: is set once the lease may have ended; the holder must stop then. It is set by our own clock, in time, even if
            the store cannot be reached.
    """

    def __init__(self, store: Coordination, ttl_ms: int, *, healthy: Callable[[], Awaitable[bool]] | None = None) -> None:
        self.lease = ""
        self.lost = asyncio.Event()
        self._store = store
        self._ttl_s = ttl_ms / 1000
        self._healthy = healthy
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Grant the lease; raises as ``Coordination.grant`` does."""
        began_s = time.monotonic()
        self.lease = await self._store.grant(round(self._ttl_s * 1000))
        self._task = asyncio.create_task(self._keep(began_s + self._ttl_s))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Revoke it; where that fails, it runs out by itself."""
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        with suppress(CoordinationError):
            await self._store.revoke(self.lease)

    async def _keep(self, until_s: float) -> None:
        while (now_s := time.monotonic()) < until_s:
            await asyncio.sleep(min(self._ttl_s / 3, until_s - now_s))
            if self._healthy is not None and not await self._healthy():
                continue
            began_s = time.monotonic()
            try:
                async with asyncio.timeout(max(0.0, until_s - began_s)):
                    await self._store.keep_alive(self.lease)
            except LeaseLostError:
                break
            except (CoordinationError, TimeoutError):
                continue
            until_s = began_s + self._ttl_s
        self.lost.set()
