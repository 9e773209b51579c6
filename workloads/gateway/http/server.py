"""The gateway's lifecycle: start, reload without dropped requests, drain, stop.

Rule 1: an invalid configuration is rejected with the reasons: at the start the gateway does not start, later it keeps the previous one.
Rule 2: on SIGTERM readiness fails first, so that no new traffic is routed here; requests in flight finish within ``drain_s``.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import uvicorn
import uvloop

from workloads.gateway.configuration.loading import load
from workloads.gateway.errors import GatewayError
from workloads.gateway.http.application import LOG, Gateway
from workloads.gateway.http.connection import bounded_protocol
from workloads.gateway.limits.tenant import DAY_S
from workloads.gateway.money.ledger import Ledger, spent_since
from workloads.gateway.runtime import Runtime
from workloads.telemetry import gateway as names

_LOOK_S: Final = 1.0
_EXPORT_TIMEOUT_S: Final = 5.0
_ABSENT: Final = (0, 0)


class Server:
    """One process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        runtime = Runtime(load(path))
        self.gateway = Gateway(runtime, _opened(runtime))
        _recall(runtime)
        self._seen = self._stamp()
        config = uvicorn.Config(
            self.gateway,
            http=bounded_protocol(lambda: self.gateway.runtime.configuration.bounds),
            ws="none",
            lifespan="on",
            log_level="critical",
            access_log=False,
            proxy_headers=False,  # do not trust forwarded client addresses
            server_header=False,
            date_header=False,
            timeout_keep_alive=75,
        )
        self._server = _QuietServer(config)
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, listener: socket.socket) -> None:
        """Serve until stopped."""
        # Objects from imports live as long as the process, so exclude them from garbage collection.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        uvloop.run(self._run(listener))

    async def _run(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._drain)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        self._start(self._watch())
        self._start(self._export())
        await self._server.serve(sockets=[listener])
        for task in self._tasks:
            task.cancel()

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _drain(self) -> None:
        """Fail readiness, give the load balancers time to notice, then accept no more connections."""
        if self.gateway.draining:
            self._server.should_exit = True
            return
        self.gateway.draining = True
        bounds = self.gateway.runtime.configuration.bounds
        self._server.config.timeout_graceful_shutdown = max(1, round(bounds.drain_s))
        asyncio.get_running_loop().call_later(bounds.drain_delay_s, lambda: setattr(self._server, "should_exit", True))

    def reload(self) -> bool:
        """Reload the configuration; return whether the new one is in use."""
        self._seen = self._stamp()
        before = self.gateway.runtime
        try:
            runtime = Runtime(load(self._path), before=before)
            ledger = _opened(runtime)  # also if it has the same name: the file may have been moved away
        except Exception as error:  # noqa: BLE001  # whatever is wrong with a file, what runs stays as it is
            LOG.warning("the configuration before stays: %s", error if isinstance(error, GatewayError) else repr(error))
            return False
        self.gateway.use(runtime, ledger)
        if runtime.cache is not before.cache:
            self._start(before.cache.close())  # requests in flight connect once more if they must
        self._seen = self._stamp()  # it may name other files
        return True

    def _stamp(self) -> tuple[tuple[int, int], ...]:
        """Return a mark of the configuration and of every file that it names."""
        configuration = self.gateway.runtime.configuration
        files = [*configuration.prices, configuration.safety.principles]
        files += [provider.api_key_file for provider in configuration.providers.values()]
        files += [key.sha256_file for tenant in configuration.tenants.values() for key in tenant.keys]
        return tuple(map(_mark, (self._path, *(Path(file) for file in files if file is not None))))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            stamp = self._stamp()
            if stamp != self._seen and _ABSENT not in stamp:
                self.reload()

    async def _export(self) -> None:
        """Send spans in batches; spans that the collector rejects are dropped and counted."""
        gateway = self.gateway
        while True:
            telemetry = gateway.runtime.configuration.telemetry
            await asyncio.sleep(telemetry.export_s)
            gateway.metrics.child(names.SPANS_DROPPED).inc(gateway.spans.forget_dropped())
            if telemetry.otlp_endpoint is None or gateway.client is None or (body := gateway.spans.take()) is None:
                continue
            url = telemetry.otlp_endpoint.rstrip("/") + "/v1/traces"
            status = 0
            with contextlib.suppress(Exception):
                status = await gateway.client.post_plain(url, body, {"content-type": "application/json"}, _EXPORT_TIMEOUT_S)
            if not 200 <= status < 300:
                gateway.metrics.child(names.SPANS_DROPPED).inc(body.count(b'"spanId"'))


def _opened(runtime: Runtime) -> Ledger:
    path = runtime.configuration.ledger
    return Ledger(None if path is None else Path(path))


def _recall(runtime: Runtime) -> None:
    """Let budgets go on where the process before ended."""
    if (path := runtime.configuration.ledger) is not None and runtime.keys.has_budgets:
        now_s = time.time()
        runtime.keys.recall(spent_since(Path(path), now_s - now_s % DAY_S), now_s)


def _mark(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()  # follows the links by which Kubernetes swaps mounted files
    except OSError:
        return _ABSENT
    return status.st_mtime_ns, status.st_ino


class _QuietServer(uvicorn.Server):  # type: ignore[misc]  # uvicorn is not there where the types are checked
    """A server that leaves the signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signal."""
        yield
