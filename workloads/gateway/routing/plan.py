"""The order in which the targets of a route are tried for one request.

Rule 1: a target in a region that the tenant does not allow, or with too small a context, is not a candidate.
Rule 2: the equivalent targets come first, by the route's preference; then the fallbacks in order.
Rule 3: a target with an open breaker or at its concurrency limit is skipped; a target that requested a delay comes last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from random import Random

from foundation.dialects.model.errors import ErrorKind, ProviderError
from workloads.gateway.configuration.document import Canary
from workloads.gateway.money.price_book import PriceBook
from workloads.gateway.resilience.balancer import choose
from workloads.gateway.runtime import LiveRoute, Upstream


def plan(
    route: LiveRoute, *, regions: frozenset[str], prompt_tokens: int, now_s: float, random: Random, prices: PriceBook, unix_s: float
) -> list[Upstream] | ProviderError:
    """Return the targets in the order in which to try them, or why there are none."""
    everything = [*route.targets, *route.fallbacks]
    allowed = [upstream for upstream in everything if not regions or upstream.settings.region in regions]
    if not allowed:
        where = ", ".join(sorted(regions))
        return ProviderError(ErrorKind.PERMISSION, f"{route.name} is not served in the regions of this tenant: {where}", 403)
    fitting = [upstream for upstream in allowed if prompt_tokens <= upstream.context_tokens]
    if not fitting:
        largest = max(upstream.context_tokens for upstream in allowed)
        message = f"the prompt has about {prompt_tokens} tokens, and {route.name} takes {largest} at most"
        return ProviderError(ErrorKind.CONTEXT_LENGTH, message, 400)
    ready = [
        upstream for upstream in fitting if upstream.breaker.allows(now_s) and upstream.load.in_flight < upstream.settings.max_in_flight
    ]
    if not ready:
        wait_s = min(upstream.breaker.opens_in_s(now_s) for upstream in fitting)
        message = f"every target of {route.name} is failing or full"
        return ProviderError(ErrorKind.OVERLOADED, message, 503, retry_after_s=max(1.0, round(wait_s, 1)))
    first = [upstream for upstream in ready if upstream in route.targets]
    fallbacks = [upstream for upstream in ready if upstream in route.fallbacks]
    order = [*_ordered(first, route.settings.prefer, random, prices, unix_s), *fallbacks]
    return sorted(order, key=lambda upstream: upstream.load.rests_until_s > now_s)


def _ordered(targets: Sequence[Upstream], prefer: str, random: Random, prices: PriceBook, unix_s: float) -> list[Upstream]:
    if len(targets) < 2:
        return list(targets)
    if prefer == "cost":
        return sorted(targets, key=lambda upstream: (_price(upstream, prices, unix_s), upstream.name))
    if prefer == "latency":
        return sorted(targets, key=lambda upstream: (upstream.load.ttft_s, upstream.name))
    best = choose(targets, random)
    return [best, *(upstream for upstream in targets if upstream is not best)]


def _price(upstream: Upstream, prices: PriceBook, unix_s: float) -> int:
    if upstream.price is not None:
        return upstream.price.input + upstream.price.output
    row = prices.row(upstream.settings.label, upstream.model, unix_s)
    band = row.bands[-1] if row is not None else prices.dearest
    return band.input + band.output


def takes_canary(canary: Canary, tenant: str, user: str) -> bool:
    """Return whether this user is on the canary's side: the same answer every time, and over users the stated share."""
    digest = hashlib.sha256(f"{canary.route}\0{tenant}\0{user}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < canary.share * 2**64
