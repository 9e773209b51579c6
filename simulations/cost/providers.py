"""What providers bill for the tokens of a month, at the prices of the gateway's own price book."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stacks.pricing.costs import HOURS_PER_MONTH

if TYPE_CHECKING:
    from foundation.measures.outcome import RequestRecord
    from simulations.gateway import DeployedGateway


@dataclass(frozen=True, slots=True)
class Billed:
    """A provider outside the stack, with the share of the requests that it answers and its bill for a month."""

    provider: str
    request_share: float
    monthly_usd: float


def billed(records: Iterable[RequestRecord], gateway: DeployedGateway, span_s: float) -> tuple[Billed, ...]:
    """Return the bill of each provider outside the stack, the largest first, if a month is like the ``span_s`` seconds of ``records``."""
    outside = {gateway.configuration.providers[name].label for name in gateway.outside}
    total, requests, spent = 0, defaultdict[str, int](int), defaultdict[str, int](int)
    for record in records:
        total += 1
        if (served := record.served) is not None and served.provider in outside:
            requests[served.provider] += 1
            spent[served.provider] += served.nano_usd or 0
    month = HOURS_PER_MONTH * 3600 / span_s
    found = (Billed(name, count / total, spent[name] / 1e9 * month) for name, count in requests.items())
    return tuple(sorted(found, key=lambda one: -one.monthly_usd))
