"""The outcome of a load through a gateway, predicted and measured."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from foundation.measures import JobFigure, JobOutcome, quantiles, share_interval
from foundation.measures.gateway import GatewayOutcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from foundation.measures import RequestRecord
    from foundation.measures.job import Unit
    from sandtable.jobs.gateway.overhead import Overhead

_DURING = "_during_faults"


def load_outcome(
    predicted: Sequence[RequestRecord], measured: Sequence[RequestRecord], first: Mapping[str, frozenset[str]], overhead: Overhead
) -> JobOutcome:
    """Return what the gateway did for the whole load; ``first`` are the models of each route's own targets.

    ``measured`` is empty if no load was sent; then the figures are those of the twin alone.
    """
    before, after = GatewayOutcome.of(predicted, first), GatewayOutcome.of(measured, first)
    own = quantiles(r.served.overhead_ms for r in measured if r.served is not None and r.served.overhead_ms is not None)
    low, high = own.ci95["p95"]
    own_time = JobFigure(
        "p95_gateway_overhead_ms",
        "p95 of the gateway's own time",
        "ms",
        overhead.own_p95_ms,
        _known(own.p95),
        own.n or None,
        _bounded(low),
        _bounded(high),
    )
    figures = [
        *([own_time] if own.n or overhead.own_n else []),
        _figure("usd_per_request", "price of a request's tokens", "usd", before, after),
        _figure("fallback_share", "answered by a fallback", "share", before, after),
        _figure("attempts_per_request", "calls a request", "count", before, after),
    ]
    if before.cached_share > 0 or after.cached_share > 0:
        figures.append(_figure("cached_share", "answered from the cache", "share", before, after))
    if before.limited or after.limited:
        figures.append(
            JobFigure(
                "over_their_quota",
                "refused, over a tenant's quota",
                "count",
                before.limited,
                after.limited if measured else None,
                len(measured) or None,
            )
        )
    providers = sorted({*before.by_provider, *after.by_provider})
    figures += [
        JobFigure(
            f"answered_by_{name}",
            f"answered by {name}",
            "count",
            before.by_provider.get(name, 0),
            after.by_provider.get(name, 0) if measured else None,
        )
        for name in providers
    ]
    added = f"it adds {overhead.added_s * 1e3:.2f} ms to the first token ({overhead.provenance}{f', n={overhead.n}' if overhead.n else ''})"
    n = overhead.own_n
    beforehand = (f"its own time is predicted from {n} requests at the planned rate, sent before the load",) if n else ()
    shared = ("gateway, emulator and load generator share the cores that are not the engines'",) if measured else ()
    return JobOutcome("gateway", "through the gateway", tuple(figures), (added, *beforehand, *shared))


def faults_outcome(
    predicted: Sequence[RequestRecord],
    measured: Sequence[RequestRecord],
    first: Mapping[str, frozenset[str]],
    windows: Sequence[tuple[float, float]],
    notes: Sequence[str],
) -> JobOutcome:
    """Return what happened to the requests that were sent while faults lasted; ``measured`` is empty if no fault was injected."""
    before, after = GatewayOutcome.of(predicted, first, windows), GatewayOutcome.of(measured, first, windows)
    low, high = share_interval(after.failed, after.requests) if after.requests else (None, None)
    figures = (
        _figure("failed_share", "failed", "share", before, after, during=True, low=low, high=high),
        _figure("fallback_share", "answered by a fallback", "share", before, after, during=True),
        _figure("attempts_per_request", "calls a request", "count", before, after, during=True),
        _figure("p95_ttft_ms", "p95 to the first token", "ms", before, after, during=True),
        _figure("p95_e2e_ms", "p95 to the last token", "ms", before, after, during=True),
        _figure("usd_per_request", "price of a request's tokens", "usd", before, after, during=True),
    )
    return JobOutcome("faults", "while the faults lasted", figures, tuple(notes))


def _figure(
    name: str, words: str, unit: Unit, before: GatewayOutcome, after: GatewayOutcome, *, during: bool = False, **interval: Any
) -> JobFigure:
    predicted, measured = getattr(before, name), getattr(after, name)
    return JobFigure(
        name + _DURING if during else name, words, unit, _known(predicted), _known(measured), after.requests or None, **interval
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _bounded(value: float) -> float | None:
    return value if math.isfinite(value) else None
