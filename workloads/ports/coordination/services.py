"""Services that register themselves, and are found while they are healthy."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from workloads.ports.coordination.keeping import Keeping
from workloads.ports.coordination.protocol import Coordination


@dataclass(frozen=True, slots=True)
class Instance:
    """One process of a service, and where it listens."""

    name: str
    address: str


class Registration:
    """Registers an instance while a block runs.

    Args:
        store: where others look.
        service: its name.
        instance: the name and address of this process.
        healthy: asked three times in ``ttl_ms``; an instance that stays unhealthy disappears.
        ttl_ms: how long an instance that has died is still found.
    """

    def __init__(
        self,
        store: Coordination,
        service: str,
        instance: Instance,
        *,
        healthy: Callable[[], Awaitable[bool]] | None = None,
        ttl_ms: int = 10_000,
    ) -> None:
        self._store = store
        self._key = f"services/{service}/{instance.name}"
        self._address = instance.address
        self._keeping = Keeping(store, ttl_ms, healthy=healthy)

    async def __aenter__(self) -> Self:
        """Register; raises as the store does."""
        await self._keeping.__aenter__()
        await self._store.put(self._key, self._address, lease=self._keeping.lease)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Deregister."""
        await self._keeping.__aexit__(kind, error, traceback)


async def instances(store: Coordination, service: str) -> list[Instance]:
    """Return the instances that are registered, by name; raises as the store does."""
    prefix = f"services/{service}/"
    return [Instance(each.key.removeprefix(prefix), each.value) for each in (await store.list(prefix)).keys]
