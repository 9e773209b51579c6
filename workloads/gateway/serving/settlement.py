"""The end of a request: its cost goes to the ledger and the meters, and then to the series and its span.

Rule 1: it happens once, and reaches the ledger before the client sees the end of its response, so every response that a client received
is in the ledger.
Rule 2: a response that was cut off, by the provider or the client, costs the tokens received so far, estimated if there is no count.
Rule 3: what failed attempts cost stands in the request's entry as ``wasted_nano_usd``; the tenant does not pay for it. A request that
failed after it had cost something has an entry, too.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from foundation.dialects.model.errors import ProviderError
from foundation.dialects.model.usage import Usage
from workloads.gateway.money.cost import Cost, cost_of, filled
from workloads.gateway.observability.content import said
from workloads.telemetry import gateway as names

if TYPE_CHECKING:
    from foundation.tracing.spans import Span
    from workloads.gateway.configuration.keys import Holder
    from workloads.gateway.http.application import Gateway
    from workloads.gateway.limits.tenant import Reservation
    from workloads.gateway.runtime import Runtime, Upstream


@dataclass(slots=True)
class Outcome:
    """The facts about a request at its end."""

    request_id: str
    route: str
    operation: str
    stream: bool
    prompt_estimate: int
    started_s: float  # monotonic
    attempts: int = 0
    first_chunk_s: float | None = None
    usage: Usage = field(default_factory=Usage)
    output_estimate: int = 0
    wasted: list[tuple[Upstream, Usage]] = field(default_factory=list)
    error: ProviderError | None = None
    cached: bool = False
    finish: str = ""
    overhead_s: float = 0.0
    said: list[str] | None = None  # the answer's text, where the trace is to have it


@dataclass(slots=True)
class Settled:
    """A settled request, of which series and trace do not know yet: the client need not wait for that."""

    cost: Cost
    _usage: Usage
    _of: tuple[Gateway, Runtime, Holder, Upstream | None, Outcome, Span | None]

    def tell(self) -> Cost:
        """Count it, and end its span."""
        gateway, runtime, holder, upstream, outcome, span = self._of
        _count(gateway, runtime, holder, upstream, outcome, self._usage, self.cost)
        if span is not None:
            _finish(span, upstream, outcome, self._usage, self.cost)
            gateway.spans.add(span)
        return self.cost


def settle(
    gateway: Gateway,
    runtime: Runtime,
    holder: Holder,
    upstream: Upstream | None,
    reservation: Reservation | None,
    outcome: Outcome,
    span: Span | None,
) -> Settled:
    """Settle a request. Raises ``LedgerError`` if the ledger cannot be written, which fails the request."""
    unix_s = time.time()
    cost, usage = Cost(0), outcome.usage
    if upstream is not None and not outcome.cached:
        label = upstream.settings.label
        usage, missing = filled(usage, prompt_estimate=outcome.prompt_estimate, output_estimate=outcome.output_estimate)
        cost = cost_of(usage, provider=label, model=upstream.model, book=runtime.prices, unix_s=unix_s, own_price=upstream.price)
        if missing:
            cost = Cost(cost.nano_usd, (*cost.doubts, "missing-usage" if outcome.error is None else "cut-answer"))
        gateway.ledger.append(_record(runtime, holder, upstream, outcome, usage, cost, unix_s))
    elif outcome.wasted:
        gateway.ledger.append(_record(runtime, holder, outcome.wasted[-1][0], outcome, Usage(0, 0), cost, unix_s))
    if reservation is not None:
        used = (usage.prompt_tokens, usage.output_tokens or 0) if upstream is not None and not outcome.cached else (0, 0)
        reservation.settle(*used, cost.nano_usd, time.monotonic(), unix_s)
    return Settled(cost, usage, (gateway, runtime, holder, upstream, outcome, span))


def _wasted(runtime: Runtime, outcome: Outcome, unix_s: float) -> int:
    """Return what the failed attempts cost, in nano-dollars."""
    total = 0
    for tried, spent in outcome.wasted:
        usage, _ = filled(spent, prompt_estimate=outcome.prompt_estimate, output_estimate=0)
        total += cost_of(
            usage, provider=tried.settings.label, model=tried.model, book=runtime.prices, unix_s=unix_s, own_price=tried.price
        ).nano_usd
    return total


def _record(
    runtime: Runtime, holder: Holder, upstream: Upstream, outcome: Outcome, usage: Usage, cost: Cost, unix_s: float
) -> dict[str, Any]:
    return {
        "id": outcome.request_id,
        "at": round(unix_s, 3),
        "tenant": holder.tenant,
        "key": holder.key_id,
        "route": outcome.route,
        "provider": upstream.settings.label,
        "model": upstream.model,
        "region": upstream.settings.region,
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "cache_read": usage.cache_read_tokens,
        "cache_write_5m": usage.cache_write_5m_tokens,
        "cache_write_1h": usage.cache_write_1h_tokens,
        "reasoning": usage.reasoning_tokens,
        "searches": usage.web_searches,
        "nano_usd": cost.nano_usd,
        "wasted_nano_usd": _wasted(runtime, outcome, unix_s) if outcome.wasted else 0,
        "prices": runtime.prices.version,
        "doubts": cost.doubts,
        "attempts": outcome.attempts,
        "error": outcome.error.kind.value if outcome.error else "",
    }


def _count(
    gateway: Gateway, runtime: Runtime, holder: Holder, upstream: Upstream | None, outcome: Outcome, usage: Usage, cost: Cost
) -> None:
    metrics = gateway.metrics
    metrics.child(names.OVERHEAD).observe(outcome.overhead_s)
    provider, model = ("none", outcome.route) if upstream is None else (upstream.settings.label, upstream.model)
    if outcome.error is not None:
        metrics.child(names.ERRORS, provider, model, outcome.error.kind.value).inc()
    if upstream is None or outcome.cached:
        return
    series = metrics.of_model(provider, model, outcome.operation)
    took_s = time.monotonic() - outcome.started_s
    series.latency.observe(took_s)
    series.duration.observe(took_s)
    series.requests.inc()
    if series.by_family is not None:
        series.by_family.inc()
    if outcome.first_chunk_s is not None:
        series.first_chunk.observe(outcome.first_chunk_s)
    series.input_tokens.inc(usage.prompt_tokens)
    series.output_tokens.inc(usage.output_tokens or 0)
    if usage.cache_read_tokens:
        series.cache_read.inc(usage.cache_read_tokens)
    if written := usage.cache_write_5m_tokens + usage.cache_write_1h_tokens:
        series.cache_write.inc(written)
    if usage.reasoning_tokens:
        series.reasoning.inc(usage.reasoning_tokens)
    metrics.child(names.COST_USD, provider, model, holder.tenant, runtime.prices.version).inc(cost.nano_usd / 1e9)
    for doubt in cost.doubts:
        metrics.child(names.DOUBTS, provider, model, doubt).inc()


def _finish(span: Span, upstream: Upstream | None, outcome: Outcome, usage: Usage, cost: Cost) -> None:
    span.end_ns = time.time_ns()
    attributes = span.attributes
    attributes["gen_ai.operation.name"] = outcome.operation
    attributes["gen_ai.request.model"] = outcome.route
    attributes["gen_ai.request.stream"] = outcome.stream
    attributes["gateway.attempts"] = outcome.attempts
    attributes["gateway.overhead_ms"] = round(outcome.overhead_s * 1e3, 3)
    if outcome.error is not None:
        attributes["error.type"] = span.error = outcome.error.kind.value
    if upstream is None:
        return
    attributes["gen_ai.provider.name"] = "gcp.gemini" if upstream.settings.label == "gemini" else upstream.settings.label
    attributes["gen_ai.response.model"] = attributes["llm.model"] = upstream.model
    attributes["llm.provider"] = upstream.settings.label
    attributes["gen_ai.usage.input_tokens"] = attributes["llm.input_tokens"] = usage.prompt_tokens
    attributes["gen_ai.usage.output_tokens"] = attributes["llm.output_tokens"] = usage.output_tokens or 0
    attributes["gen_ai.usage.cache_read.input_tokens"] = usage.cache_read_tokens
    attributes["gen_ai.usage.reasoning.output_tokens"] = usage.reasoning_tokens
    attributes["llm.cost_usd"] = cost.nano_usd / 1e9
    if outcome.said:
        attributes["gen_ai.output.messages"] = said("assistant", outcome.said)
    if outcome.finish:
        attributes["gen_ai.response.finish_reasons"] = [outcome.finish]
    if outcome.first_chunk_s is not None:
        attributes["gen_ai.response.time_to_first_chunk"] = outcome.first_chunk_s
