"""The open-loop generator: each request is sent at its intended time, regardless of the requests before it.

Rule 1: one thread, one event loop, one connection per request; targets are used round robin.
Rule 2: latencies count from the intended time; the generator measures and reports its own lag and CPU time.
Rule 3: it ends by itself: at most ``timeout_s`` after the last send, whatever the targets do.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import socket
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from foundation.chat import WireRequests
from foundation.errors import TargetError
from foundation.measures.outcome import REQUEST_TIMEOUT_S, Status
from foundation.processes.interrupts import run_coroutine
from foundation.wire import Target
from loadtests.exchange import Exchange
from loadtests.measurement import Measurement
from loadtests.measurement.generator import open_loop_stats
from loadtests.plain_connection import PlainConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from loadtests.measurement.generator import GeneratorStats
    from stacks.traffic import PlannedRequest

_LEAD_S: Final = 0.05
"""Time between the start of the loop and time 0 of the run, so that the first request is no later than the others."""
_TICK_S: Final = 0.1
"""Interval at which timeouts, the stop signal and progress are checked."""


class Stop(Protocol):
    """A signal to end the run early, such as a ``threading.Event``."""

    def is_set(self) -> bool:
        """Whether to end now."""


def run(
    plan: Sequence[PlannedRequest],
    targets: Sequence[str],
    *,
    model: str = "synthetic",
    api_key: str | None = None,
    tenant_keys: Mapping[str, str] | None = None,
    timeout_s: float = REQUEST_TIMEOUT_S,
    engine_options: bool = True,
    seed: int | None = None,
    texts_seed: int | None = None,
    metrics: Iterable[str] = (),
    on_progress: Callable[[int, int], None] | None = None,
    stop: Stop | None = None,
    actions: Sequence[tuple[float, Callable[[], None]]] = (),
    horizon_s: float | None = None,
) -> Measurement:
    """Send ``plan`` to ``targets`` and return the measurement.

    Args:
        plan: Requests in order of time.
        targets: URLs of the replicas, ``http://host:port``; https uses the system's CA certificates.
        model: Name of the model in each request that names no route.
        api_key: Bearer token, or the key in the header of the request's wire.
        tenant_keys: Keys of the tenants of a gateway, for requests that name one.
        timeout_s: Seconds from a send until the request counts as failed.
        engine_options: Add fields outside the OpenAI API that make our own engines write exactly the planned number of tokens.
        seed: Of the plan; it is stored with the outcome.
        texts_seed: Determines the prompt texts; default: ``seed``.
        metrics: Names of the metrics with thresholds, such as ``p95_ttft_ms``; the measurement lists those with too few samples.
        on_progress: Called with (finished, planned) requests about ten times a second.
        actions: What else happens, as (seconds from the start, call); each runs in a thread of its own, so that no send waits for it. One
            that raises makes the run invalid.
        horizon_s: Seconds that the plan covers, which rates are over, with what the last requests take longer. None: from the first request
            to the last end; so is a run that was stopped.
        stop: Ends the run when set: requests in flight are cancelled, the rest are not sent, and the run is invalid.

    Raises:
        TargetError: no targets, a malformed one, or a host name that does not resolve.
    """
    parsed = list(dict.fromkeys(Target.parse(url) for url in targets))
    if not parsed:
        raise TargetError("no target to send requests to; give at least one URL such as http://127.0.0.1:8080")
    texts = next((number for number in (texts_seed, seed) if number is not None), 0)
    requests = WireRequests(model=model, api_key=api_key, tenant_keys=tenant_keys, seed=texts, engine_options=engine_options)
    load = _Load(plan, requests, timeout_s=timeout_s, on_progress=on_progress, stop=stop, actions=actions)
    # Objects from before the run are not garbage. Without this, a full collection scans the whole plan and delays sends.
    gc.collect()
    gc.freeze()
    try:
        generator = run_coroutine(_timed(load, parsed))
    finally:
        gc.unfreeze()
    return Measurement.of(
        (exchange.record(load.start) for exchange in load.ended),
        replicas=[target.name for target in parsed],
        generator=generator,
        seed=seed,
        metrics=metrics,
        invalid=[
            *([f"the run was stopped after {len(load.ended)} of {len(plan)} requests"] if load.stopped else []),
            *(f"an action at {at_s:g} s failed: {error}" for at_s, error in load.failed_actions),
        ],
        notes=_token_notes(load.ended),
        horizon_s=None if load.stopped else horizon_s,
    )


async def _timed(load: _Load, targets: Sequence[Target]) -> GeneratorStats:
    routes = [await _route(target) for target in targets]
    cpu, wall = time.process_time(), time.perf_counter()
    await load.run(routes)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    in_order = sorted(load.ended, key=lambda e: e.planned.at_s)
    sends = [(e.planned.at_s, e.dispatched - load.start if e.sent else None) for e in in_order]
    return open_loop_stats(sends, wall_s=wall, cpu_s=cpu, frames=sum(e.answer.stream.frames for e in load.ended))


@dataclass(frozen=True, slots=True)
class _Route:
    """A target with its resolved address, so that no send waits for DNS."""

    target: Target
    address: str
    tls: ssl.SSLContext | None


async def _route(target: Target) -> _Route:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise TargetError(f"target {target.name!r}: the host {target.host!r} is not known ({why})") from error
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
    address = addresses[0]
    for candidate in addresses if len(addresses) > 1 else ():
        # `localhost` has two addresses, and most servers listen on only one of them.
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(candidate, target.port), timeout=2.0)
        except (OSError, TimeoutError):
            continue
        writer.close()
        address = candidate
        break
    return _Route(target, address, ssl.create_default_context() if target.tls else None)


class _Load:
    """The state of one run."""

    def __init__(
        self,
        plan: Sequence[PlannedRequest],
        requests: WireRequests,
        *,
        timeout_s: float,
        on_progress: Callable[[int, int], None] | None,
        stop: Stop | None,
        actions: Sequence[tuple[float, Callable[[], None]]],
    ) -> None:
        self.start = 0.0
        self.stopped = False
        self.ended: list[Exchange] = []
        self._plan = plan
        self._requests = requests
        self._timeout_s = timeout_s
        self._on_progress = on_progress
        self._stop = stop
        self._actions = actions
        self._acting: list[tuple[float, asyncio.Future[None]]] = []
        self._next = 0
        # In the order of sending: the first is the first to time out.
        self._in_flight: dict[Exchange, None] = {}
        self._all_done = asyncio.Event()

    async def run(self, routes: Sequence[_Route]) -> None:
        """Send the plan and wait until every request has ended."""
        loop = asyncio.get_running_loop()
        self.start = loop.time() + _LEAD_S
        try:
            loop.call_at(self.start, self._send_due, loop, routes)
            for at_s, action in self._actions:
                loop.call_at(self.start + at_s, self._act, loop, at_s, action)
            self._tick(loop)
            self._check_done()
            await self._all_done.wait()
        finally:
            # Also on Ctrl-C: nothing outlives the run.
            self._next = len(self._plan)
            for exchange in list(self._in_flight):
                exchange.fail("cancelled: the run was stopped")
            self._report()

    def _act(self, loop: asyncio.AbstractEventLoop, at_s: float, action: Callable[[], None]) -> None:
        self._acting.append((at_s, loop.run_in_executor(None, action)))

    @property
    def failed_actions(self) -> list[tuple[float, BaseException]]:
        """The actions that raised, each with its time."""
        done = [(at_s, future) for at_s, future in self._acting if future.done() and not future.cancelled()]
        return [(at_s, error) for at_s, future in done if (error := future.exception()) is not None]

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        """Check the stop signal and the oldest requests, and reschedule until the run is over."""
        if self._all_done.is_set():
            return
        if self._stop is not None and self._stop.is_set():
            self.stopped = True
            self._all_done.set()
            return
        overdue = loop.time() - self._timeout_s
        for exchange in list(itertools.takewhile(lambda e: e.dispatched <= overdue, self._in_flight)):
            exchange.time_out(self._timeout_s)
        self._report()
        loop.call_later(_TICK_S, self._tick, loop)

    def _send_due(self, loop: asyncio.AbstractEventLoop, routes: Sequence[_Route]) -> None:
        """Send everything that is due, and reschedule for the next request."""
        plan = self._plan
        while self._next < len(plan) and self.start + plan[self._next].at_s <= loop.time():
            route = routes[self._next % len(routes)]
            planned = plan[self._next]
            exchange = Exchange(
                planned,
                route.target,
                now=loop.time,
                on_end=self._on_end,
                answer=self._requests.answer(planned),
                exact_length=self._requests.exact_length(planned),
            )
            self._in_flight[exchange] = None
            if route.tls is None:
                exchange.dispatch(self._requests.encode(exchange.planned, route.target))
                PlainConnection(loop, exchange).open(route.address, route.target.port)
            else:
                exchange.connecting = loop.create_task(self._send_over_tls(exchange, route))
            self._next += 1
        if self._next < len(plan):
            loop.call_at(self.start + plan[self._next].at_s, self._send_due, loop, routes)
        self._check_done()

    async def _send_over_tls(self, exchange: Exchange, route: _Route) -> None:
        exchange.dispatch(self._requests.encode(exchange.planned, route.target))
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: exchange, route.address, route.target.port, ssl=route.tls, server_hostname=route.target.host
            )
        except OSError as error:  # includes TLS errors
            exchange.connect_failed(error)

    def _on_end(self, exchange: Exchange) -> None:
        del self._in_flight[exchange]
        self.ended.append(exchange)
        self._check_done()

    def _check_done(self) -> None:
        if self._next >= len(self._plan) and not self._in_flight:
            self._all_done.set()

    def _report(self) -> None:
        if self._on_progress is not None:
            self._on_progress(len(self.ended), len(self._plan))


def _token_notes(ended: Iterable[Exchange]) -> list[str]:
    """Return notes on token counts that differ from the plan, for instance because of a chat template or an early stop."""
    good = [(e.answer.stream, e.planned) for e in ended if e.answer.status is Status.OK]
    prompts = [stream.prompt_tokens - planned.prompt_tokens for stream, planned in good if stream.prompt_tokens is not None]
    outputs = [stream.output_tokens - planned.output_tokens for stream, planned in good]
    return [
        f"{what} than planned: {min(found):+d} to {max(found):+d} a request ({sum(map(bool, found))} of {len(found)} requests); "
        f"records keep the {kept} number"
        for what, found, kept in (
            ("the server counted other prompt tokens", prompts, "planned"),
            ("other output tokens came", outputs, "actual"),
        )
        if any(found)
    ]
