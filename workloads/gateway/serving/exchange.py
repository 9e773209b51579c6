"""One request: authentication, limits, targets, and settlement.

Every exit goes through :func:`settle` exactly once, and every error reaches the client in its own dialect.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from foundation.dialects import DIALECTS, json_bytes
from foundation.dialects.credentials import ANY_KEY_HEADER, bare_key
from foundation.dialects.model.errors import STATUS_OF, ErrorKind, ProviderError, RequestError
from foundation.dialects.model.events import Failed
from foundation.dialects.model.usage import Usage
from foundation.dialects.paths import Route
from foundation.tracing.spans import Span, begin
from workloads.gateway.configuration.keys import Holder
from workloads.gateway.errors import LedgerError
from workloads.gateway.http.body import BodyTimeoutError, ClientGoneError, drop_body, read_body
from workloads.gateway.limits.tenant import Reservation, reserve
from workloads.gateway.money.cost import cost_of
from workloads.gateway.observability.content import asked
from workloads.gateway.routing.choice import choose_route
from workloads.gateway.routing.plan import plan
from workloads.gateway.runtime import LiveRoute, Runtime, Upstream
from workloads.gateway.serving.inquiry import Inquiry
from workloads.gateway.serving.journey import Journey
from workloads.gateway.serving.repeats import key_of, repeated
from workloads.gateway.serving.safeguard import screened_request
from workloads.gateway.serving.settlement import Outcome, Settled, settle
from workloads.telemetry import gateway as names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workloads.gateway.http.application import Gateway, Receive, Send

#: Errors that must not look like the client's fault: they concern the gateway's own key, permissions or quota.
_GATEWAY_S_OWN: Final = frozenset({ErrorKind.AUTHENTICATION, ErrorKind.PERMISSION, ErrorKind.QUOTA})
_KEY_HEADERS: Final = tuple(name.encode() for name in ANY_KEY_HEADER)


class RefusedError(Exception):
    """The request ends here, with an error for the client."""

    def __init__(self, error: ProviderError, *, by_provider: bool = False) -> None:
        super().__init__(error.message)
        self.error = error
        self.by_provider = by_provider


class Exchange:
    """One request and its answer."""

    __slots__ = (
        "_gone",
        "answered",
        "cache_key",
        "dialect",
        "gateway",
        "headers",
        "holder",
        "inquiry",
        "outcome",
        "path",
        "receive",
        "request_id",
        "reservation",
        "runtime",
        "scope",
        "send",
        "settled",
        "span",
        "started_s",
        "unread",
        "waited_s",
    )

    def __init__(self, gateway: Gateway, path: Route, scope: Any, receive: Receive, send: Send) -> None:
        self.started_s = time.monotonic()
        self.gateway = gateway
        self.runtime: Runtime = gateway.runtime
        self.path = path
        self.dialect = DIALECTS[path.dialect]
        self.scope = scope
        self.receive = receive
        self.send = send
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.request_id = os.urandom(12).hex()
        self.answered = False  # the response head has been sent
        self.unread = True  # the body may still be coming
        self.waited_s = 0.0  # for the provider, or before a try
        self.holder: Holder | None = None
        self.reservation: Reservation | None = None
        self.inquiry: Inquiry | None = None
        self.outcome: Outcome | None = None
        self.span: Span | None = None
        self.cache_key: bytes | None = None
        self.settled = False  # what is left to do is not the client's concern: it may leave
        self._gone = False

    async def run(self) -> None:
        """Serve it."""
        try:
            await self._serve()
        except RefusedError as refused:
            await self._refuse(refused)
        except RequestError as error:
            await self._refuse(RefusedError(ProviderError(error.kind, str(error), STATUS_OF[error.kind])))
        except BodyTimeoutError:
            self.unread = False
            await self._refuse(RefusedError(ProviderError(ErrorKind.TIMEOUT, "the body did not come in time", 408, phase="body")))
        except ClientGoneError:
            self._end_without_client()
        except LedgerError:
            await self._refuse(RefusedError(ProviderError(ErrorKind.INTERNAL, "the gateway cannot record this request", 500)))
        except asyncio.CancelledError:
            if not self._gone:
                raise
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()
            self._end_without_client()
        except Exception:  # noqa: BLE001  # the last line of defence: a client gets an answer
            from workloads.gateway.http.application import LOG

            LOG.exception("request %s failed inside the gateway", self.request_id)
            await self._refuse(RefusedError(ProviderError(ErrorKind.INTERNAL, "the gateway failed; this is its own fault", 500)))

    async def _serve(self) -> None:
        gateway, bounds = self.gateway, self.runtime.configuration.bounds
        method = "GET" if self.path.action == "models" else "POST"
        if self.scope["method"] != method:
            raise RefusedError(ProviderError(ErrorKind.INVALID_REQUEST, f"this path takes {method}", 405))
        self.holder = self._authenticate()
        if self.path.action == "models":
            await self._models()
            return
        if gateway.in_flight > bounds.max_in_flight:
            raise RefusedError(ProviderError(ErrorKind.OVERLOADED, "the gateway has too many requests in hand", 503, retry_after_s=1.0))
        headers = self.headers
        body = await read_body(
            self.receive,
            whole="whole" in self.scope,
            coding=headers.get(b"content-encoding", b"").decode("latin-1"),
            announced=headers.get(b"content-length", b"").decode("latin-1"),
            most_bytes=bounds.max_body_bytes,
            timeout_s=bounds.body_timeout_s,
        )
        self.unread = False
        if self.path.action == "embed":
            from workloads.gateway.serving.embedding import embed

            await embed(self, body)
            return
        self.inquiry = inquiry = Inquiry(self.path, body)
        if self.path.action == "count":
            await self._count(inquiry)
            return
        await self._chat(inquiry)

    def _authenticate(self) -> Holder:
        """Return the caller. Raises ``RefusedError``."""
        client = self.scope.get("client")
        address, now_s = client[0] if client else "", self.started_s
        guesses = self.gateway.guesses
        key = ""
        for name in _KEY_HEADERS:
            if value := self.headers.get(name):
                key = bare_key(value.decode("latin-1"))
                break
        holder = self.runtime.keys.holder(key) if key else None
        if (wait_s := guesses.wait_s(address, now_s)) and not guesses.knows(address, holder):
            self.gateway.metrics.child(names.REFUSED, "guessing").inc()
            raise RefusedError(ProviderError(ErrorKind.RATE_LIMIT, "too many wrong keys", 429, retry_after_s=round(wait_s, 1)))
        if holder is None:
            guesses.failed(address, now_s)
            self.gateway.metrics.child(names.REFUSED, "key").inc()
            message = "the API key is not valid" if key else "an API key is required"
            raise RefusedError(ProviderError(ErrorKind.AUTHENTICATION, message, 401))
        guesses.right(address, holder)
        return holder

    async def _chat(self, inquiry: Inquiry) -> None:
        holder, runtime = self.who(), self.runtime
        route, reason = choose_route(runtime, inquiry, holder.tenant)
        self.may_use(route)
        if inquiry.urls and not runtime.configuration.media.allow_urls:
            raise RequestError("media by URL is turned off here; send it as base64")
        self.outcome = Outcome(self.request_id, route.name, "chat", inquiry.stream, inquiry.prompt_tokens, self.started_s)
        self.trace("chat", inquiry.model)
        if self.span is not None and reason:
            self.span.attributes["gateway.route"] = f"{route.name} ({reason})"
        if self.span is not None and runtime.configuration.telemetry.content:
            self.span.attributes["gen_ai.input.messages"] = asked(inquiry.request)
            self.outcome.said = []
        if runtime.constitution is not None and (refusal := await screened_request(self, inquiry.request)) is not None:
            raise RefusedError(refusal)
        targets = self._fitted(route, inquiry)
        self.reservation = self.reserve(inquiry.prompt_tokens, inquiry.output_tokens, targets[0])
        self.cache_key = key_of(self, inquiry, route)
        if self.cache_key is not None and await repeated(self):
            return
        try:
            with self.ends_with_client():
                await Journey(self, inquiry, route, targets).run()
        finally:
            if self.cache_key is not None:
                self.gateway.flights.land(self.cache_key, None)

    @contextlib.contextmanager
    def ends_with_client(self) -> Iterator[None]:
        """Cancel what is done here when the client leaves, and with it the provider's work."""
        connection, task = self.scope["connection"], asyncio.current_task()
        connection.on_left = lambda: self._leave(task)
        try:
            if connection.transport.is_closing():
                raise ClientGoneError
            yield
        finally:
            connection.on_left = None

    def trace(self, operation: str, model: str) -> None:
        """Begin the span, if spans are exported."""
        if self.runtime.configuration.telemetry.otlp_endpoint is not None:
            self.span = begin(f"{operation} {model}", time.time_ns(), self.headers.get(b"traceparent", b"").decode("latin-1"))

    def _end_without_client(self) -> None:
        if self.reservation is not None and self.outcome is not None:  # the client left between two attempts, or before the first
            self.settle(None).tell()

    def settle(self, upstream: Upstream | None) -> Settled:
        """Settle this request. Raises ``LedgerError``."""
        assert self.outcome is not None
        settled = settle(self.gateway, self.runtime, self.who(), upstream, self.reservation, self.outcome, self.span)
        self.reservation = None
        return settled

    def _leave(self, task: asyncio.Task[Any] | None) -> None:
        if task is not None and not task.done() and not self._gone and not self.settled:
            self._gone = True
            task.cancel()

    def who(self) -> Holder:
        """Return the caller, once known."""
        assert self.holder is not None
        return self.holder

    def may_use(self, route: LiveRoute) -> None:
        """Raise ``RefusedError`` if the key may not use a route."""
        allowed = self.who().routes
        if allowed and route.name not in allowed:
            raise RefusedError(ProviderError(ErrorKind.PERMISSION, f"this key may not use {route.name}", 403))

    def _fitted(self, route: LiveRoute, inquiry: Inquiry) -> list[Upstream]:
        """Return the targets, for a prompt that was shortened if the route allows that."""
        tokens = inquiry.prompt_tokens
        if route.settings.truncation == "drop_oldest":
            largest = max(upstream.context_tokens for upstream in (*route.targets, *route.fallbacks))
            if tokens > largest:
                inquiry.shorten(largest)
                tokens = largest
        return self.targets(route, tokens)

    def targets(self, route: LiveRoute, prompt_tokens: int) -> list[Upstream]:
        """Return the targets in the order in which to try them. Raises ``RefusedError``."""
        runtime = self.runtime
        targets = plan(
            route,
            regions=self.who().regions,
            prompt_tokens=prompt_tokens,
            now_s=time.monotonic(),
            random=runtime.random,
            prices=runtime.prices,
            unix_s=time.time(),
        )
        if isinstance(targets, ProviderError):
            raise RefusedError(targets)
        return targets

    def reserve(self, input_tokens: int, output_tokens: int, upstream: Upstream) -> Reservation:
        """Reserve what a request may use. Raises ``RefusedError``."""
        unix_s = time.time()
        likely = Usage(input_tokens, output_tokens)
        cost = cost_of(
            likely,
            provider=upstream.settings.label,
            model=upstream.model,
            book=self.runtime.prices,
            unix_s=unix_s,
            own_price=upstream.price,
        )
        reservation = reserve(
            self.who().meters,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            cost=cost.nano_usd,
            now_s=time.monotonic(),
            unix_s=unix_s,
        )
        if isinstance(reservation, ProviderError):
            self.gateway.metrics.child(names.REFUSED, reservation.limit or "limit").inc()
            raise RefusedError(reservation)
        return reservation

    def answer_headers(self, upstream: Upstream, *, cost_nano_usd: int | None) -> list[tuple[bytes, bytes]]:
        """Return the headers of every response; the cost only if it is already known."""
        attempts = self.outcome.attempts if self.outcome else 0
        headers = [
            (b"x-gateway-request-id", self.request_id.encode()),
            (b"x-gateway-provider", upstream.settings.label.encode()),
            (b"x-gateway-model", upstream.model.encode("latin-1", "replace")),
            (b"x-gateway-attempts", b"%d" % attempts),
            (b"x-gateway-overhead-ms", b"%.3f" % (self.overhead_s() * 1e3)),
        ]
        if cost_nano_usd is not None:
            headers.append((b"x-gateway-cost-usd", b"%d.%09d" % divmod(cost_nano_usd, 1_000_000_000)))
        if self.inquiry is not None and self.inquiry.lost:
            headers.append((b"x-gateway-lost", self.inquiry.lost_names.encode()))
        if self.inquiry is not None and self.inquiry.dropped_turns:
            headers.append((b"x-gateway-dropped-turns", b"%d" % self.inquiry.dropped_turns))
        return headers

    def overhead_s(self) -> float:
        """Return the gateway's own time so far."""
        return max(0.0, time.monotonic() - self.started_s - self.waited_s)

    async def begin(self, status: int, headers: list[tuple[bytes, bytes]], *, joined: bool = True) -> None:
        """Send the head of the answer; ``joined`` with the body that the caller sends next."""
        self.answered = True
        if joined and self.scope["method"] != "HEAD":
            self.scope["connection"].transport.hold_next()
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def fail_stream(self, error: ProviderError) -> None:
        """End a stream that has begun with a typed error, without a terminal marker."""
        failed = Failed(ProviderError(error.kind, error.message, STATUS_OF[error.kind]))
        await self.send({"type": "http.response.body", "body": self.dialect.stream_encoder().encode(failed)})

    async def _refuse(self, refused: RefusedError) -> None:
        """End with an error, and settle the reservation."""
        error = refused.error
        if refused.by_provider:
            error = _for_client(error)
        outcome = self.outcome
        if outcome is not None:
            outcome.error, outcome.overhead_s = error, self.overhead_s()
            self.settle(None).tell()
        else:
            self.gateway.metrics.child(names.ERRORS, "none", "none", error.kind.value).inc()
        if self.answered:
            if outcome is not None and outcome.stream and not self.settled:
                await self.fail_stream(error)
            return
        status, headers, document = self.dialect.encode_error(replace(error, request_id=error.request_id or self.request_id))
        pairs = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
        pairs += [
            (b"x-gateway-request-id", self.request_id.encode()),
            (b"x-gateway-attempts", b"%d" % (outcome.attempts if outcome else 0)),
            (b"x-gateway-overhead-ms", b"%.3f" % (self.overhead_s() * 1e3)),
        ]
        if error.limit and not refused.by_provider:
            pairs.append((b"x-gateway-limit", error.limit.encode()))
        if status == 408:
            pairs.append((b"connection", b"close"))
        body = json_bytes.encode(document)
        with contextlib.suppress(OSError):
            await self.begin(status, [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *pairs])
            await self.send({"type": "http.response.body", "body": body, "more_body": self.unread})
            # A body that has still not come is not waited for: the connection closes without this answer's end.
            if self.unread and await drop_body(self.receive, within_s=self.runtime.configuration.bounds.body_timeout_s):
                await self.send({"type": "http.response.body", "body": b""})

    async def _models(self) -> None:
        from workloads.gateway.http.application import answer

        allowed = self.who().routes
        usable = [name for name in self.runtime.routes if not allowed or name in allowed]
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "gateway"} for name in usable]
        await answer(self.send, 200, {"object": "list", "data": data})

    async def _count(self, inquiry: Inquiry) -> None:
        from workloads.gateway.http.application import answer

        name = "input_tokens" if self.path.dialect == "anthropic" else "totalTokens"
        await answer(self.send, 200, {name: inquiry.prompt_tokens}, [(b"x-gateway-estimate", b"true")])


def _for_client(error: ProviderError) -> ProviderError:
    """Return a provider's error in the form for the client."""
    if error.kind in _GATEWAY_S_OWN:
        message = f"the provider refused the gateway ({error.kind.value}); its operator has to act"
        return ProviderError(ErrorKind.OVERLOADED, message, 503, retry_after_s=error.retry_after_s)
    return replace(error, request_id="")
