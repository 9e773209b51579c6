"""What a gateway did for a set of requests, predicted or measured: failures, fallbacks, attempts, cost.

Rule 1: both sides are computed here from the same records, so that comparing them is a subtraction.
Rule 2: a window counts the requests whose intended time lies in it; how they end counts, whenever that is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from foundation.measures.outcome import RequestRecord, Status, quantiles

_ALWAYS: Final = ((0.0, math.inf),)


@dataclass(frozen=True, slots=True)
class GatewayOutcome:
    """The requests of one or more windows.

    ``fallback_share``: of the good ones, those that another provider answered than the first of their route. ``attempts_per_request``:
    calls to providers. ``usd_per_request`` covers the requests whose cost is known; NaN without one. ``by_provider``: good requests.
    ``limited`` requests were over their tenant's quota; all other figures leave them out. ``cached_share``: of the good ones, those that
    came from the gateway's cache or from another's call, without one of their own.
    """

    requests: int
    failed: int
    fallback_share: float
    attempts_per_request: float
    p95_ttft_ms: float
    p95_e2e_ms: float
    usd_per_request: float
    by_provider: dict[str, int]
    limited: int = 0
    cached_share: float = math.nan

    @property
    def failed_share(self) -> float:
        """Share of the requests that failed; NaN without requests."""
        return self.failed / self.requests if self.requests else math.nan

    @classmethod
    def of(
        cls, records: Iterable[RequestRecord], first: Mapping[str, frozenset[str]], windows: Sequence[tuple[float, float]] = _ALWAYS
    ) -> GatewayOutcome:
        """Summarise the ``records`` of all ``windows`` (start and end in seconds); ``first`` are the models of each route's own targets."""
        inside = [(r, r.served) for r in records if r.served is not None and any(a <= r.intended_s < b for a, b in windows)]
        known = [(r, served) for r, served in inside if r.status is not Status.LIMITED]
        good = [(r, served) for r, served in known if r.status is Status.OK]
        costs = [served.nano_usd for _, served in known if served.nano_usd is not None]
        fallbacks = sum(served.model not in first.get(served.route, {served.model}) for _, served in good)
        return cls(
            requests=len(known),
            failed=len(known) - len(good),
            fallback_share=fallbacks / len(good) if good else math.nan,
            attempts_per_request=sum(served.attempts for _, served in known) / len(known) if known else math.nan,
            p95_ttft_ms=quantiles(r.ttft_ms for r, _ in good if r.ttft_ms is not None).p95,
            p95_e2e_ms=quantiles(r.e2e_ms for r, _ in good).p95,
            usd_per_request=sum(costs) / 1e9 / len(known) if costs else math.nan,
            limited=len(inside) - len(known),
            cached_share=sum(served.attempts == 0 for _, served in good) / len(good) if good else math.nan,
            by_provider=dict(sorted(Counter(served.provider for _, served in good).items())),
        )
