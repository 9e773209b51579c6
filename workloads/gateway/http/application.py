"""The gateway as an ASGI application: health, readiness, metrics, models, and every provider's paths."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from foundation.dialects import json_bytes
from foundation.dialects.paths import route_of
from foundation.tracing.spans import SpanBuffer
from workloads.gateway.caching.exact import Kept, SingleFlight
from workloads.gateway.configuration.keys import GuessingLimit
from workloads.gateway.money.ledger import Ledger
from workloads.gateway.observability.metrics import Metrics
from workloads.gateway.runtime import Runtime
from workloads.gateway.serving.exchange import Exchange
from workloads.gateway.upstream.client import UpstreamClient
from workloads.telemetry import gateway as names

Receive: TypeAlias = Callable[[], Awaitable[Any]]
Send: TypeAlias = Callable[[Any], Awaitable[None]]

LOG: Final = logging.getLogger("gateway")


class Gateway:
    """One gateway. ``runtime`` is swapped by a reload; ``draining`` after a stop request."""

    def __init__(self, runtime: Runtime, ledger: Ledger) -> None:
        self.runtime = runtime
        self.ledger = ledger
        self.metrics = Metrics()
        self.spans = SpanBuffer(runtime.configuration.telemetry.service_name)
        self.guesses = GuessingLimit(runtime.configuration.bounds.failed_keys_per_min)
        self.flights: SingleFlight[Kept] = SingleFlight()
        self.client: UpstreamClient | None = None
        self.draining = False
        self.in_flight = 0

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        if (route := route_of(path)) is not None:
            self.in_flight += 1
            try:
                await Exchange(self, route, scope, receive, send).run()
            finally:
                self.in_flight -= 1
        elif path == "/metrics":
            await self._show_metrics(send)
        elif path == "/readyz":
            reason = self.unready()
            await answer(send, 503 if reason else 200, {"ready": not reason, "reason": reason})
        elif path == "/healthz":
            await answer(send, 200, {"alive": True})
        else:
            await answer(send, 404, {"error": {"message": "no such path", "type": "not_found_error", "code": None, "param": None}})

    def use(self, runtime: Runtime, ledger: Ledger) -> None:
        """Serve by another configuration from now on; requests in flight keep the one that they began with."""
        before = self.runtime.configuration
        if runtime.configuration.bounds.failed_keys_per_min != before.bounds.failed_keys_per_min:
            self.guesses = GuessingLimit(runtime.configuration.bounds.failed_keys_per_min)
        self.spans.name(runtime.configuration.telemetry.service_name)
        self.ledger.close()
        self.runtime, self.ledger = runtime, ledger

    def unready(self) -> str:
        """Return why the gateway is not ready; empty if it is."""
        if self.draining:
            return "draining"
        if self.ledger.broken:
            self.ledger.heal()
        if self.ledger.broken:
            return self.ledger.broken
        now_s = time.monotonic()
        upstreams = self.runtime.upstreams.values()
        if not any(upstream.breaker.allows(now_s) for upstream in upstreams):
            return "every target's breaker is open"
        return ""

    async def _show_metrics(self, send: Send) -> None:
        now_s = time.monotonic()
        for name, upstream in self.runtime.upstreams.items():
            self.metrics.child(names.BREAKER_OPEN, name).set(0 if upstream.breaker.allows(now_s) else 1)
        self.metrics.child(names.IN_FLIGHT).set(self.in_flight)
        self.metrics.child(names.CACHE_OUT).set(1 if self.runtime.cache.out else 0)
        body = self.metrics.text()
        headers = [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self.client = UpstreamClient()
                await self.runtime.cache.get(b"")  # a shared cache is connected before the first request needs it
                await send({"type": "lifespan.startup.complete"})
            else:
                if self.client is not None:
                    await self.client.close()
                await self.runtime.cache.close()
                self.ledger.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


async def answer(send: Send, status: int, document: Any, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    """Send a complete JSON response."""
    body = json_bytes.encode(document)
    pairs = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *(headers or ())]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
