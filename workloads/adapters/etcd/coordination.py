"""The port on etcd. A compare-and-set is a transaction, a lease is etcd's, in whole seconds."""

from __future__ import annotations

import asyncio
import base64
import itertools
import math
import ssl
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self

import aiohttp

from workloads.adapters.etcd.gateway import Gateway
from workloads.ports.coordination.errors import CompactedError, LeaseLostError, UnavailableError, UnknownOutcomeError
from workloads.ports.coordination.protocol import Change, KeyValue, Listing, Revision


class EtcdCoordination:
    """A client of etcd; a context manager that closes its connections.

    Args:
        endpoints: URLs of members, ``https://host:port``.
        tls: with the certificates; None for http, or for a public certificate.
        timeout_s: for one request, over all members.
    """

    def __init__(self, endpoints: Sequence[str], tls: ssl.SSLContext | None = None, *, timeout_s: float = 10.0) -> None:
        self._gateway = Gateway(endpoints, tls, timeout_s)
        self._timeout_s = timeout_s

    async def __aenter__(self) -> Self:
        """Connect when first asked."""
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Close the connections."""
        await self._gateway.close()

    async def get(self, key: str) -> KeyValue | None:  # noqa: D102 - described by the protocol, as all below
        found = (await self._gateway.ask("/kv/range", {"key": _packed(key)}, repeatable=True)).get("kvs", [])
        return _key_value(found[0]) if found else None

    async def list(self, prefix: str) -> Listing:  # noqa: D102
        answer = await self._gateway.ask("/kv/range", _range(prefix), repeatable=True)
        return Listing(int(answer["header"]["revision"]), tuple(map(_key_value, answer.get("kvs", []))))

    async def put(self, key: str, value: str, *, lease: str | None = None) -> int:  # noqa: D102
        answer = await self._gateway.ask("/kv/put", _put(key, value, lease))
        return int(answer["header"]["revision"])

    async def compare_and_set(self, key: str, expected: str | None, value: str, *, lease: str | None = None) -> int | None:  # noqa: D102
        compare: dict[str, Any] = {"key": _packed(key), "result": "EQUAL"}
        if expected is None:
            compare |= {"target": "CREATE", "create_revision": "0"}
        else:
            compare |= {"target": "VALUE", "value": _packed(expected)}
        answer = await self._gateway.ask("/kv/txn", {"compare": [compare], "success": [{"request_put": _put(key, value, lease)}]})
        return int(answer["header"]["revision"]) if answer.get("succeeded") else None

    async def delete(self, key: str) -> bool:  # noqa: D102
        return int((await self._gateway.ask("/kv/deleterange", {"key": _packed(key)})).get("deleted", 0)) > 0

    async def grant(self, ttl_ms: int) -> str:  # noqa: D102
        return str((await self._gateway.ask("/lease/grant", {"TTL": math.ceil(ttl_ms / 1000)}))["ID"])

    async def keep_alive(self, lease: str) -> None:  # noqa: D102
        if not int((await self._gateway.ask("/lease/keepalive", {"ID": lease})).get("TTL", 0)):
            raise LeaseLostError(f"lease {lease} has ended")

    async def revoke(self, lease: str) -> None:  # noqa: D102
        try:
            await self._gateway.ask("/lease/revoke", {"ID": lease})
        except LeaseLostError:
            return

    async def watch(self, prefix: str, *, after: int) -> AsyncGenerator[Revision, None]:  # noqa: D102
        until_s = time.monotonic() + self._timeout_s
        while True:
            create = {"create_request": {**_range(prefix), "start_revision": after + 1, "progress_notify": True}}
            try:
                async with aclosing(self._gateway.stream("/watch", create)) as answers:
                    async for answer in answers:
                        until_s = time.monotonic() + self._timeout_s
                        for revision in _revisions(answer, after):
                            after = revision.number
                            yield revision
            except (aiohttp.ClientError, TimeoutError, UnknownOutcomeError) as error:
                if time.monotonic() > until_s:
                    raise UnavailableError(f"no member of etcd could be reached for {self._timeout_s:g} s ({error})") from error
            await asyncio.sleep(0.05)


def _revisions(answer: Mapping[str, Any], after: int) -> list[Revision]:
    compacted = int(answer.get("compact_revision", 0))
    if answer.get("canceled") and compacted:
        raise CompactedError(f"the changes behind revision {after} are compacted up to {compacted}; list the keys and watch from there")
    if answer.get("canceled"):
        raise UnknownOutcomeError(answer.get("cancel_reason") or "the watch was ended")
    grouped = itertools.groupby(answer.get("events", []), key=lambda each: int(each["kv"]["mod_revision"]))
    return [Revision(number, tuple(map(_change, events))) for number, events in grouped]


def _change(event: Mapping[str, Any]) -> Change:
    deleted = event.get("type") == "DELETE"
    return Change(_text(event["kv"]["key"]), None if deleted else _text(event["kv"].get("value", "")))


def _key_value(found: Mapping[str, Any]) -> KeyValue:
    return KeyValue(_text(found["key"]), _text(found.get("value", "")), int(found["mod_revision"]))


def _put(key: str, value: str, lease: str | None) -> dict[str, Any]:
    return {"key": _packed(key), "value": _packed(value), **({"lease": lease} if lease else {})}


def _range(prefix: str) -> dict[str, str]:
    """Return the range of all keys with a prefix; the zero byte at both ends stands for all keys."""
    end = prefix.encode().rstrip(b"\xff")
    end = end[:-1] + bytes([end[-1] + 1]) if end else b"\0"
    return {"key": _packed(prefix or "\0"), "range_end": base64.b64encode(end).decode()}


def _packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _text(packed: str) -> str:
    return base64.b64decode(packed).decode()
