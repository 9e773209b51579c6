"""The cache in Redis (or Valkey), which all replicas of a gateway share.

Rule 1: it may only save time. A server that does not answer within ``_PATIENCE_S`` counts as one without the value, and is left alone for
``_REST_S``, so that an outage costs one wait a second and not one a request.
Rule 2: the server bounds its memory by its own policy (``maxmemory``, ``allkeys-lru``); ``max_bytes`` bounds a single value.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Any, Final

_PREFIX: Final = b"sandtable:gateway:"
_PATIENCE_S: Final = 0.05
_REST_S: Final = 1.0
_CONNECTIONS: Final = 64


class RedisStore:
    """A :class:`Store` at ``address`` (``redis://host:port/db``); it connects with the first request.

    ``password_file`` is read at each new connection, so that a password can be rotated.
    """

    def __init__(self, address: str, password_file: str | None, max_bytes: int, ttl_s: float) -> None:
        self._address = address
        self._password_file = password_file
        self._most_bytes = max_bytes // 8
        self._ttl_ms = max(1, round(ttl_s * 1e3))
        self._client: Any = None
        self._rests_until_s = 0.0

    @property
    def out(self) -> bool:
        """Whether the server is left alone for a while, because it did not answer."""
        return time.monotonic() < self._rests_until_s

    async def get(self, key: bytes) -> bytes | None:
        """Return the value; None if there is none or the server cannot be asked."""
        value = await self._ask("get", _PREFIX + key)
        return value if isinstance(value, bytes) else None

    async def put(self, key: bytes, value: bytes) -> None:
        """Keep a value, if the server can be reached; one that is larger than an eighth of the limit is not kept."""
        if len(value) <= self._most_bytes:
            await self._ask("set", _PREFIX + key, value, px=self._ttl_ms)
        else:
            await self._ask("delete", _PREFIX + key)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            with contextlib.suppress(Exception):
                await self._client.aclose()

    async def _ask(self, command: str, *arguments: Any, **options: Any) -> Any:
        if self.out:
            return None
        if self._client is None:
            self._client = self._connected()
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await getattr(self._client, command)(*arguments, **options)
        except Exception:  # noqa: BLE001  # whatever ails the server or the way to it
            self._rests_until_s = time.monotonic() + _REST_S
            return None

    def _connected(self) -> Any:
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
        from redis.credentials import CredentialProvider

        path = self._password_file

        class FromFile(CredentialProvider):  # type: ignore[misc]  # redis is not there where the types are checked
            def get_credentials(self) -> tuple[str] | tuple[()]:
                return (Path(path).read_text(encoding="utf-8").strip(),) if path is not None else ()

            async def get_credentials_async(self) -> tuple[str] | tuple[()]:
                return self.get_credentials()

        return Redis.from_url(
            self._address,
            credential_provider=None if path is None else FromFile(),
            max_connections=_CONNECTIONS,
            socket_connect_timeout=_PATIENCE_S,
            retry=Retry(NoBackoff(), 0),
        )
