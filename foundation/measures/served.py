"""What a gateway says about one request: who served it, after how many attempts, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Served:
    """``route`` is what the client asked for; ``provider`` the label of the prices of whoever answered, empty if nobody did.

    ``attempts`` counts the calls to providers. ``nano_usd`` is the cost in integer nano-dollars, ``overhead_ms`` the gateway's own time
    until its response began; None where they are not known. ``id`` is the gateway's number of the request, which its ledger has too.
    """

    route: str
    provider: str
    model: str
    attempts: int
    nano_usd: int | None = None
    overhead_ms: float | None = None
    id: str = ""
