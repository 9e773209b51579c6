"""The constitutional layer in operation: a request is screened before anything is spent on it, a response before the client sees it.

A streamed response is screened in transit and cut off at a violation; it cannot be revised, because the client has already seen its
beginning. The tenant pays for calls of the judge, which have their own ledger entries with the operation ``critique``.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Final

from foundation.dialects import json_bytes
from foundation.dialects.model.answer import Answer
from foundation.dialects.model.content import Text
from foundation.dialects.model.errors import ErrorKind, MalformedAnswerError, ProviderError
from foundation.dialects.model.request import ChatRequest
from workloads.gateway.limits.tenant import Reservation
from workloads.gateway.safety.asked import question, refusal
from workloads.gateway.safety.critique import Critique
from workloads.gateway.safety.screening import Verdict, pieces
from workloads.gateway.serving.settlement import Outcome, settle
from workloads.gateway.upstream.client import MAX_ANSWER_BYTES, AttemptError, chat_url, read_whole
from workloads.telemetry import gateway as names

if TYPE_CHECKING:
    from workloads.gateway.runtime import Upstream
    from workloads.gateway.serving.exchange import Exchange

_JUDGE_PROMPT_TOKENS: Final = 500


def note(exchange: Exchange, stage: str, decision: str) -> None:
    """Put a decision into the series and the trace."""
    exchange.gateway.metrics.child(names.SCREENED, stage, decision or "allowed").inc()
    if exchange.span is not None:
        exchange.span.events.append((time.time_ns(), f"constitution.{stage}", {"decision": decision or "allowed"}))


async def screened_request(exchange: Exchange, request: ChatRequest) -> ProviderError | None:
    """Return the refusal of a request, None if it may go on."""
    constitution = exchange.runtime.constitution
    assert constitution is not None
    verdict = Verdict()
    for number, piece in enumerate(pieces(question(request))):
        if number:
            await asyncio.sleep(0)  # other requests' turn
        if not (verdict := constitution.of_request(piece)).allowed:
            break
    note(exchange, "request", verdict.principle)
    return None if verdict.allowed else refusal(verdict)


async def screened_answer(exchange: Exchange, answer: Answer) -> bool | ProviderError:
    """Screen an answer, and have it revised where that is configured; return whether it was changed, or its refusal."""
    constitution, safety = exchange.runtime.constitution, exchange.runtime.configuration.safety
    assert constitution is not None
    assert exchange.inquiry is not None
    text = "".join(part.text for part in answer.parts if isinstance(part, Text))
    critique = Critique(constitution, question(exchange.inquiry.request), text, safety.max_rounds if safety.judge else 0)
    while critique.goes_on:
        critique.take(await _judged(exchange, critique))
        note(exchange, "critique", critique.decisions[-1].partition(", ")[2])
    verdict = critique.verdict()
    note(exchange, "answer", verdict.principle)
    if not verdict.allowed:
        return refusal(verdict)
    if not critique.rounds:
        return False
    answer.parts = [part for part in answer.parts if not isinstance(part, Text)] + [Text(critique.answer)]
    return True


async def _judged(exchange: Exchange, critique: Critique) -> str:
    """Ask the judge once; what goes wrong is an empty answer, which counts as a round."""
    runtime, gateway = exchange.runtime, exchange.gateway
    judge = runtime.routes[runtime.configuration.safety.judge or ""]
    now_s = time.monotonic()
    ready = [upstream for upstream in (*judge.targets, *judge.fallbacks) if upstream.breaker.allows(now_s)]
    if not ready or gateway.client is None:
        return ""
    upstream = ready[0]
    outcome = Outcome(
        os.urandom(12).hex(), judge.name, "critique", stream=False, prompt_estimate=_JUDGE_PROMPT_TOKENS, started_s=now_s, attempts=1
    )
    try:
        async with asyncio.timeout(upstream.settings.timeouts.first_byte_s):
            answer = await _call(exchange, upstream, critique)
    except (AttemptError, TimeoutError, ValueError, MalformedAnswerError):
        return ""
    finally:
        exchange.waited_s += time.monotonic() - now_s
    outcome.usage = answer.usage
    unreserved = Reservation(exchange.who().meters, 0, 0, 0, 0)  # what it cost counts, but refuses nothing
    settle(gateway, runtime, exchange.who(), upstream, unreserved, outcome, None).tell()
    return "".join(part.text for part in answer.parts if isinstance(part, Text))


async def _call(exchange: Exchange, upstream: Upstream, critique: Critique) -> Answer:
    client = exchange.gateway.client
    assert client is not None
    body = json_bytes.encode(upstream.dialect.encode_request(critique.request(upstream.model)).document)
    answer = await client.post(upstream, chat_url(upstream, stream=False), body, {})
    content = await read_whole(answer, MAX_ANSWER_BYTES)
    if answer.status != 200:
        raise AttemptError(ProviderError(ErrorKind.INTERNAL, "the judge did not answer", 502))
    return upstream.dialect.decode_answer(json_bytes.decode(content))
