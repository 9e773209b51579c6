"""What a gateway says about one request: who served it, after how many attempts, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Served:
    """``provider`` is the label of its prices, empty if no provider answered; ``attempts`` counts the calls to providers.

    ``nano_usd`` is the cost in integer nano-dollars, None where it is not known. ``id`` is the gateway's own number of the request, which
    its ledger has too.
    """

    route: str
    provider: str
    model: str
    attempts: int
    nano_usd: int | None = None
    id: str = ""
