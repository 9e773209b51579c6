"""The path of one chat request over its targets: calls, delays, fallbacks, and the response back to the client.

Rule 1: a stream is committed with its first content. Before that, lifecycle frames are held back, and a failure costs the client only time.
After it nothing is retried, and a truncated stream ends in a typed error without a terminal marker.
Rule 2: a response in the client's own dialect is forwarded frame by frame unchanged, while it is read for its token counts.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from foundation.dialects import json_bytes
from foundation.dialects.failures.retry_after import retry_after_s
from foundation.dialects.model.answer import Answer
from foundation.dialects.model.content import Text
from foundation.dialects.model.errors import ErrorKind, MalformedAnswerError, ProviderError
from foundation.dialects.signatures import mark_parts
from workloads.gateway.resilience.course import BLAMES_TARGET, Course, Step
from workloads.gateway.serving.repeats import keep
from workloads.gateway.serving.safeguard import screened_answer
from workloads.gateway.serving.transfer import Transfer
from workloads.gateway.upstream.client import (
    IDEMPOTENCY,
    MAX_ANSWER_BYTES,
    MAX_ERROR_BYTES,
    VERSIONS,
    AttemptError,
    chat_url,
    must_be_plain,
    read_whole,
)
from workloads.gateway.upstream.watchdog import Watchdog
from workloads.telemetry import gateway as names

if TYPE_CHECKING:
    from workloads.gateway.runtime import LiveRoute, Upstream
    from workloads.gateway.serving.exchange import Exchange
    from workloads.gateway.serving.inquiry import Inquiry

_CHARACTERS_PER_TOKEN: Final = 4
#: Headers in which a provider reports its rate limits.
_LIMITS_SHOWN: Final = ("anthropic-ratelimit-requests-remaining", "x-ratelimit-remaining-requests")


class Journey:
    """One request."""

    __slots__ = ("_committed", "_course", "_exchange", "_inquiry", "_outcome", "_route", "_transfer", "_watchdog")

    def __init__(self, exchange: Exchange, inquiry: Inquiry, route: LiveRoute, targets: list[Upstream]) -> None:
        runtime = exchange.runtime
        self._exchange = exchange
        self._inquiry = inquiry
        self._route = route
        assert exchange.outcome is not None
        self._outcome = exchange.outcome
        task = asyncio.current_task()
        assert task is not None
        deadline_s = task.get_loop().time() + targets[0].settings.timeouts.total_s
        self._watchdog = Watchdog(task, deadline_s)
        self._course = Course(
            targets,
            runtime.configuration.retries,
            runtime.backoff,
            runtime.retry_budget,
            runtime.random,
            time.monotonic() + targets[0].settings.timeouts.total_s,
        )
        self._committed = False
        self._transfer: Transfer | None = None

    async def run(self) -> None:
        """Answer, or raise ``RefusedError``."""
        from workloads.gateway.serving.exchange import RefusedError

        exchange, runtime = self._exchange, self._exchange.runtime
        runtime.retry_budget.earn()
        step: Step | ProviderError = self._course.first()
        try:
            while isinstance(step, Step):
                if step.wait_s:
                    await self._wait(step.wait_s)
                self._outcome.attempts = self._course.attempts
                error = await self._attempt(step.upstream)
                if error is None:
                    return
                step = self._course.after(error, time.monotonic())
                if isinstance(step, Step) and self._course.fell_back:
                    exchange.gateway.metrics.child(names.FALLBACKS, self._route.name).inc()
            raise RefusedError(step, by_provider=True)
        finally:
            self._watchdog.rest()

    async def _wait(self, wait_s: float) -> None:
        before_s = time.monotonic()
        self._watchdog.expect("total", wait_s + 1.0)
        await asyncio.sleep(wait_s)
        self._exchange.waited_s += time.monotonic() - before_s

    async def _attempt(self, upstream: Upstream) -> ProviderError | None:
        """Call a target; return its failure, None if the client has its response, complete or truncated."""
        breaker, load = upstream.breaker, upstream.load
        began_s = time.monotonic()
        if not breaker.enter(began_s):
            return ProviderError(ErrorKind.OVERLOADED, "the target's breaker is open", 503)
        load.in_flight += 1
        error: ProviderError | None = None
        try:
            body = self._inquiry.body_for(upstream)
            error = await (self._stream if self._inquiry.stream else self._whole)(upstream, body)
        except AttemptError as failed:
            error = failed.error
        except asyncio.CancelledError:
            if not self._watchdog.struck:
                breaker.abandon(began_s)
                self._client_left(upstream)
                raise
            self._task().uncancel()
            self._watchdog.struck = False
            error = self._timeout()
        except BaseException:
            breaker.abandon(began_s)
            raise
        finally:
            load.in_flight -= 1
            self._watchdog.rest()
        now_s = time.monotonic()
        self._judge(upstream, error, now_s, began_s)
        if error is not None and self._committed:
            await self._cut(upstream, error)
            return None
        return error

    def _judge(self, upstream: Upstream, error: ProviderError | None, now_s: float, began_s: float) -> None:
        """Report the result of a call to breaker, load and metrics."""
        took_s = now_s - began_s
        # A client that reads slowly uses up the time, too.
        by_client = error is not None and error.phase == "total" and self._exchange.waited_s < took_s / 2
        failed = error is not None and error.kind in BLAMES_TARGET and not by_client
        retry_after_s = error.retry_after_s if error is not None else None
        slow_s = (self._outcome.first_chunk_s or took_s) if error is None else took_s
        upstream.breaker.leave(now_s, began_s=began_s, failed=failed, took_s=slow_s, retry_after_s=retry_after_s if failed else None)
        if error is not None and error.kind is ErrorKind.RATE_LIMIT and retry_after_s:
            upstream.load.rests(now_s, retry_after_s)
        transfer = self._transfer
        if error is not None and not self._committed and transfer is not None:
            if transfer.usage.prompt_tokens:
                self._outcome.wasted.append((upstream, transfer.usage))
            self._transfer = None
        self._exchange.gateway.metrics.child(names.ATTEMPTS, upstream.name, error.kind.value if error else "ok").inc()

    @staticmethod
    def _task() -> asyncio.Task[Any]:
        task = asyncio.current_task()
        assert task is not None
        return task

    def _timeout(self) -> ProviderError:
        phase = self._watchdog.phase
        words = {"first_byte": "did not answer", "first_token": "sent no token", "idle": "stopped sending", "total": "was not done"}
        return ProviderError(ErrorKind.TIMEOUT, f"the provider {words.get(phase, 'did not answer')} in time", 504, phase=phase)

    async def _open(self, upstream: Upstream, body: bytes) -> aiohttp.ClientResponse:
        """Send the request; return the answer's head where it is a success. Raises ``AttemptError``."""
        exchange, client = self._exchange, self._exchange.gateway.client
        assert client is not None
        limits = upstream.settings.timeouts
        self._watchdog.expect("first_byte", limits.first_byte_s)
        before_s = time.monotonic()
        answer = await client.post(upstream, chat_url(upstream, stream=self._inquiry.stream), body, self._passed_on(upstream))
        try:
            if answer.status == 200:
                if any(name in answer.headers for name in _LIMITS_SHOWN) and (rest_s := retry_after_s(_lower(answer), now_s=time.time())):
                    upstream.load.rests(time.monotonic(), rest_s)  # its bucket is empty: prefer others until it refills
                return answer
            with_body = await read_whole(answer, MAX_ERROR_BYTES)
        except BaseException:
            answer.close()
            raise
        finally:
            exchange.waited_s += time.monotonic() - before_s
        headers = _lower(answer)
        status = answer.status if answer.status >= 400 else 502  # redirects are not followed, and no other status below 400 is a response
        raise AttemptError(upstream.dialect.decode_error(status, headers, with_body, now_s=time.time()))

    def _passed_on(self, upstream: Upstream) -> dict[str, str]:
        headers = self._exchange.headers
        passed: dict[str, str] = {}
        if upstream.dialect is self._exchange.dialect:
            for name in VERSIONS:
                if (value := headers.get(name.encode())) is not None:
                    passed[name] = value.decode("latin-1")
            if (value := headers.get(IDEMPOTENCY.encode())) is not None:
                # All tenants share the provider's account: with the same key one would be given another's answer.
                passed[IDEMPOTENCY] = sha256(self._exchange.who().tenant.encode() + b"\0" + value).hexdigest()
        if self._exchange.span is not None:
            passed["traceparent"] = self._exchange.span.traceparent
        return passed

    async def _whole(self, upstream: Upstream, body: bytes) -> ProviderError | None:
        exchange, outcome = self._exchange, self._outcome
        answer = await self._open(upstream, body)
        before_s = time.monotonic()
        try:
            content = await read_whole(answer, MAX_ANSWER_BYTES)
        except BaseException:
            answer.close()
            raise
        self._watchdog.rest()
        now_s = time.monotonic()
        exchange.waited_s += now_s - before_s
        same = upstream.dialect is exchange.dialect
        try:
            decoded: Answer = upstream.dialect.decode_answer(json_bytes.decode(content))
        except (ValueError, MalformedAnswerError) as error:
            return ProviderError(ErrorKind.MALFORMED, f"the provider's answer cannot be read: {str(error)[:200]}", 502)
        decoded.id = decoded.id or exchange.request_id
        upstream.load.saw(now_s - exchange.started_s)
        if exchange.runtime.constitution is not None:
            changed = await screened_answer(exchange, decoded)
            if isinstance(changed, ProviderError):
                outcome.wasted.append((upstream, decoded.usage))
                return changed
            same = same and not changed
        mark_parts(decoded.parts, upstream.dialect.name, exchange.dialect.name)
        shown = content if same else json_bytes.encode(exchange.dialect.encode_answer(decoded, created_s=int(time.time())))
        outcome.usage, outcome.finish = decoded.usage, decoded.stop.value
        if outcome.said is not None:
            outcome.said = [part.text for part in decoded.parts if isinstance(part, Text)]
        outcome.output_estimate = _estimate(decoded, content)
        outcome.overhead_s = exchange.overhead_s()
        settled = exchange.settle(upstream)
        exchange.settled = True
        headers = exchange.answer_headers(upstream, cost_nano_usd=settled.cost.nano_usd)
        try:
            await exchange.begin(200, [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(shown)), *headers])
            await exchange.send({"type": "http.response.body", "body": shown})
        finally:
            settled.tell()
        await keep(exchange, b"application/json", shown, upstream)
        return None

    async def _stream(self, upstream: Upstream, body: bytes) -> ProviderError | None:
        exchange = self._exchange
        answer = await self._open(upstream, body)
        try:
            must_be_plain(answer)
            return await self._frames(upstream, answer)
        except (aiohttp.ClientError, OSError):
            return ProviderError(ErrorKind.TRUNCATED, "the provider's stream was cut off", 502)
        finally:
            if not answer.content.at_eof():
                answer.close()  # a connection with a partly read response cannot be reused
            exchange.outcome = self._outcome

    async def _frames(self, upstream: Upstream, answer: aiohttp.ClientResponse) -> ProviderError | None:
        exchange, watchdog, limits = self._exchange, self._watchdog, upstream.settings.timeouts
        self._transfer = transfer = Transfer(exchange, self._inquiry, upstream)
        watchdog.expect("first_token", limits.first_token_s)
        content = answer.content
        while True:
            before_s = time.monotonic()
            try:
                data = await content.readany()
            except (aiohttp.ClientError, OSError):
                data = b""
            now_s = time.monotonic()
            exchange.waited_s += now_s - before_s
            out, error, ended = transfer.take(data, at_end=not data)
            if error is not None:
                if self._committed and out:
                    await exchange.send({"type": "http.response.body", "body": out, "more_body": True})
                return error
            if self._committed or transfer.commits:
                if not self._committed:
                    self._committed = True
                    ttft_s = now_s - exchange.started_s
                    self._outcome.first_chunk_s = ttft_s
                    upstream.load.saw(ttft_s)
                    watchdog.expect("idle", limits.idle_s)
                    content_type = exchange.dialect.stream_content_type.encode()
                    head = [
                        (b"content-type", content_type),
                        (b"cache-control", b"no-cache"),
                        *exchange.answer_headers(upstream, cost_nano_usd=None),
                    ]
                    await exchange.begin(200, head, joined=bool(out) or ended)
                if ended:
                    out = self._settle(upstream, transfer) + out
                if out or ended:
                    watchdog.paused = True
                    await exchange.send({"type": "http.response.body", "body": out, "more_body": not ended})
                    watchdog.paused = False
                watchdog.still(limits.idle_s)
                if ended:
                    if transfer.keeps:
                        await keep(exchange, exchange.dialect.stream_content_type.encode(), bytes(transfer.kept), upstream)
                    return None

    def _settle(self, upstream: Upstream, transfer: Transfer) -> bytes:
        """Settle a complete stream; return the comment with its cost."""
        exchange, outcome = self._exchange, self._outcome
        outcome.usage, outcome.finish = transfer.usage, transfer.stop
        if outcome.said is not None:
            outcome.said = transfer.said
        outcome.output_estimate = max(1, transfer.characters // _CHARACTERS_PER_TOKEN)
        outcome.overhead_s = exchange.overhead_s()
        cost = exchange.settle(upstream).tell()
        exchange.settled = True
        words = f"x-gateway overhead_ms={outcome.overhead_s * 1e3:.3f} attempts={outcome.attempts} cost_usd={cost.nano_usd / 1e9:.9f}"
        return transfer.encoder.comment(words)

    async def _cut(self, upstream: Upstream, error: ProviderError) -> None:
        """End a committed stream with a typed error, and bill the tokens received."""
        self._bill_so_far(upstream, error)
        await self._exchange.fail_stream(error)

    def _client_left(self, upstream: Upstream) -> None:
        """Bill the tokens received when the client disconnected, as the provider does."""
        if self._committed or (self._transfer is not None and self._transfer.usage.prompt_tokens):
            self._bill_so_far(upstream, ProviderError(ErrorKind.CONNECTION, "the client left", 499))
        else:
            self._outcome.error = ProviderError(ErrorKind.CONNECTION, "the client left", 499)
            self._exchange.settle(None).tell()

    def _bill_so_far(self, upstream: Upstream, error: ProviderError) -> None:
        exchange, outcome, transfer = self._exchange, self._outcome, self._transfer
        assert transfer is not None
        usage = transfer.usage
        seen = max(transfer.characters // _CHARACTERS_PER_TOKEN, usage.output_tokens or 0)
        # A count from the start of the stream is a placeholder, and more tokens were seen.
        outcome.usage = replace(usage, output_tokens=None, reasoning_tokens=0)
        outcome.output_estimate, outcome.error, outcome.overhead_s = max(1, seen), error, exchange.overhead_s()
        exchange.settle(upstream).tell()


def _lower(answer: aiohttp.ClientResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}


def _estimate(answer: Answer, content: bytes) -> int:
    return answer.usage.output_tokens if answer.usage.output_tokens is not None else max(1, len(content) // 5)
