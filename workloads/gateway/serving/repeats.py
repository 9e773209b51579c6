"""Repeated requests: answered from the cache, or from a call in flight for the same request; and what is kept for the next ones."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from workloads.gateway.caching.exact import Kept, cache_key
from workloads.gateway.upstream.client import VERSIONS
from workloads.telemetry import gateway as names

if TYPE_CHECKING:
    from workloads.gateway.runtime import LiveRoute, Runtime, Upstream
    from workloads.gateway.serving.exchange import Exchange
    from workloads.gateway.serving.inquiry import Inquiry


def key_of(exchange: Exchange, inquiry: Inquiry, route: LiveRoute) -> bytes | None:
    """Return the key of a request, None if its answer is not kept."""
    if not (route.settings.cache and exchange.runtime.configuration.cache.max_bytes and inquiry.repeatable):
        return None
    versions = tuple(exchange.headers.get(name.encode(), b"") for name in VERSIONS)
    return cache_key(exchange.who().tenant, f"{route.name}/{inquiry.stream}", exchange.path.dialect, inquiry.document, versions)


async def repeated(exchange: Exchange) -> bool:
    """Answer a request that was answered before, or that is being answered; return whether that was done."""
    assert exchange.cache_key is not None
    runtime, flights = exchange.runtime, exchange.gateway.flights
    stored = await runtime.cache.get(exchange.cache_key)
    kept = _servable(runtime, None if stored is None else Kept.from_bytes(stored))
    if kept is None and (flight := flights.join(exchange.cache_key)) is not None:
        kept = _servable(runtime, await asyncio.shield(flight))
        if kept is None:
            exchange.cache_key = None  # that call failed, or its response is not cached: make a separate call
    exchange.gateway.metrics.child(names.CACHE, "miss" if kept is None else "hit").inc()
    if kept is None:
        return False
    upstream = runtime.upstreams[kept.target]
    exchange.cache_key = None
    outcome = exchange.outcome
    assert outcome is not None
    outcome.cached = True
    outcome.overhead_s = time.monotonic() - exchange.started_s
    exchange.settle(upstream).tell()
    headers = exchange.answer_headers(upstream, cost_nano_usd=0)
    headers += [(names.HEADER_CACHE.encode(), b"hit"), (b"content-length", b"%d" % len(kept.body))]
    await exchange.begin(200, [(b"content-type", kept.content_type), *headers])
    await exchange.send({"type": "http.response.body", "body": kept.body})
    return True


async def keep(exchange: Exchange, content_type: bytes, body: bytes, upstream: Upstream) -> None:
    """Keep a complete answer, and give it to those who wait for it."""
    if exchange.cache_key is not None:
        kept = Kept(content_type, upstream.name, body)
        await exchange.runtime.cache.put(exchange.cache_key, kept.to_bytes())
        exchange.gateway.flights.land(exchange.cache_key, kept)


def _servable(runtime: Runtime, kept: Kept | None) -> Kept | None:
    """Return a stored response if its target is one of this configuration, which another replica's or an older one need not be."""
    return kept if kept is not None and kept.target in runtime.upstreams else None
