"""Requests for embeddings: cached text by text, since the vector of a text never changes; tried over the route's targets like a chat.

All vectors of one answer are of one model: those of different models cannot be compared, so the cache is asked for each target's own.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from foundation.dialects import embeddings, json_bytes
from foundation.dialects.model.errors import ErrorKind, MalformedAnswerError, ProviderError, RequestError
from foundation.dialects.model.usage import Usage
from workloads.gateway.caching.exact import cache_key, vector_from_bytes, vector_to_bytes
from workloads.gateway.resilience.course import BLAMES_TARGET, Course, Step
from workloads.gateway.routing.tokens import text_tokens
from workloads.gateway.serving.settlement import Outcome
from workloads.gateway.upstream.client import MAX_ANSWER_BYTES, MAX_ERROR_BYTES, AttemptError, read_whole
from workloads.telemetry import gateway as names

if TYPE_CHECKING:
    from workloads.gateway.runtime import LiveRoute, Upstream
    from workloads.gateway.serving.exchange import Exchange

#: As many as OpenAI takes.
_MOST_TEXTS: Final = 2_048


async def embed(exchange: Exchange, body: bytes) -> None:
    """Answer a request for embeddings, or raise what :class:`Exchange` turns into an error."""
    from workloads.gateway.serving.exchange import RefusedError

    try:
        document = json_bytes.decode(body)
    except ValueError as error:
        raise RequestError(f"the body is not JSON: {str(error)[:200]}") from None
    request = embeddings.decode_request(exchange.path.dialect, document, model=exchange.path.model)
    if len(request.texts) > _MOST_TEXTS:
        raise RequestError(f"{len(request.texts)} texts are too many; send at most {_MOST_TEXTS} at a time")
    asked, runtime = request.model, exchange.runtime
    if (route := runtime.routes.get(asked)) is None:
        raise RequestError(f"there is no model {asked[:100]!r} here", ErrorKind.NOT_FOUND)
    exchange.may_use(route)
    tokens = sum(map(text_tokens, request.texts))
    exchange.outcome = outcome = Outcome(
        exchange.request_id, route.name, "embeddings", stream=False, prompt_estimate=tokens, started_s=exchange.started_s
    )
    exchange.trace("embeddings", asked)
    targets = exchange.targets(route, tokens)
    exchange.reservation = exchange.reserve(tokens, 0, targets[0])
    upstream, known = targets[0], await _known(exchange, targets[0], request)
    whole = embeddings.EmbeddingAnswer(known, Usage(0, 0))
    cached = all(known)
    if not cached:
        with exchange.ends_with_client():
            found = await _over_targets(exchange, route, targets, request)
        if isinstance(found, ProviderError):
            raise RefusedError(found, by_provider=True)
        upstream, whole = found
    outcome.usage, outcome.cached, outcome.overhead_s = whole.usage, cached, exchange.overhead_s()
    cost = exchange.settle(upstream).tell()
    shown = json_bytes.encode(embeddings.encode_answer(exchange.path.dialect, whole, request))
    headers = exchange.answer_headers(upstream, cost_nano_usd=cost.nano_usd)
    await exchange.begin(200, [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(shown)), *headers])
    await exchange.send({"type": "http.response.body", "body": shown})


def _keys(exchange: Exchange, upstream: Upstream, request: embeddings.EmbeddingRequest) -> list[bytes]:
    model = f"{upstream.settings.label}/{upstream.model}"
    return [cache_key(exchange.who().tenant, model, "embedding", {"text": text, "size": request.dimensions}) for text in request.texts]


async def _known(exchange: Exchange, upstream: Upstream, request: embeddings.EmbeddingRequest) -> list[list[float]]:
    """Return the cached vectors of a target's model, an empty one for a text that is not cached."""
    stored = await asyncio.gather(*map(exchange.runtime.cache.get, _keys(exchange, upstream, request)))
    return [vector_from_bytes(one) if one is not None else [] for one in stored]


async def _over_targets(
    exchange: Exchange, route: LiveRoute, targets: list[Upstream], request: embeddings.EmbeddingRequest
) -> tuple[Upstream, embeddings.EmbeddingAnswer] | ProviderError:
    runtime = exchange.runtime
    deadline_s = time.monotonic() + targets[0].settings.timeouts.total_s
    course = Course(targets, runtime.configuration.retries, runtime.backoff, runtime.retry_budget, runtime.random, deadline_s)
    runtime.retry_budget.earn()
    step: Step | ProviderError = course.first()
    while isinstance(step, Step):
        if step.wait_s:
            await asyncio.sleep(step.wait_s)
            exchange.waited_s += step.wait_s
        assert exchange.outcome is not None
        exchange.outcome.attempts = course.attempts
        upstream, began_s = step.upstream, time.monotonic()
        if not upstream.breaker.enter(began_s):
            step = course.after(ProviderError(ErrorKind.OVERLOADED, "the target's breaker is open", 503), began_s)
            continue
        failure: ProviderError | None = None
        upstream.load.in_flight += 1
        try:
            async with asyncio.timeout(upstream.settings.timeouts.first_byte_s):
                answer = await _completed(exchange, upstream, request)
        except AttemptError as error:
            failure = error.error
        except TimeoutError:
            failure = ProviderError(ErrorKind.TIMEOUT, "the provider did not answer in time", 504, phase="first_byte")
        except BaseException:
            upstream.breaker.abandon(began_s)
            raise
        finally:
            upstream.load.in_flight -= 1
        now_s = time.monotonic()
        failed = failure is not None and failure.kind in BLAMES_TARGET
        upstream.breaker.leave(now_s, began_s=began_s, failed=failed, took_s=now_s - began_s)
        exchange.gateway.metrics.child(names.ATTEMPTS, upstream.name, failure.kind.value if failure else "ok").inc()
        if failure is None:
            return upstream, answer
        step = course.after(failure, now_s)
        if isinstance(step, Step) and course.fell_back:
            exchange.gateway.metrics.child(names.FALLBACKS, route.name).inc()
    return step


async def _completed(exchange: Exchange, upstream: Upstream, request: embeddings.EmbeddingRequest) -> embeddings.EmbeddingAnswer:
    """Return all vectors from one target: those that are not cached are asked for, and kept."""
    vectors = await _known(exchange, upstream, request)
    missing = [index for index, vector in enumerate(vectors) if not vector]
    if not missing:
        return embeddings.EmbeddingAnswer(vectors, Usage(0, 0))
    answer = await _call(exchange, upstream, replace(request, texts=[request.texts[index] for index in missing]))
    keys = _keys(exchange, upstream, request)
    for index, vector in zip(missing, answer.vectors, strict=True):
        vectors[index] = vector
        await exchange.runtime.cache.put(keys[index], vector_to_bytes(vector))
    return embeddings.EmbeddingAnswer(vectors, answer.usage)


async def _call(exchange: Exchange, upstream: Upstream, request: embeddings.EmbeddingRequest) -> embeddings.EmbeddingAnswer:
    client, dialect = exchange.gateway.client, upstream.settings.dialect
    assert client is not None
    path, document = embeddings.encode_request(dialect, embeddings.EmbeddingRequest(upstream.model, request.texts, request.dimensions))
    before_s = time.monotonic()
    answer = await client.post(upstream, path, json_bytes.encode(document), {})
    try:
        content = await read_whole(answer, MAX_ANSWER_BYTES if answer.status == 200 else MAX_ERROR_BYTES)
    except BaseException:
        answer.close()
        raise
    exchange.waited_s += time.monotonic() - before_s
    if answer.status != 200:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        raise AttemptError(upstream.dialect.decode_error(max(answer.status, 400), headers, content, now_s=time.time()))
    try:
        return embeddings.decode_answer(dialect, json_bytes.decode(content), len(request.texts))
    except (ValueError, MalformedAnswerError) as error:
        raise AttemptError(ProviderError(ErrorKind.MALFORMED, f"the provider's answer cannot be read: {error}", 502)) from error
