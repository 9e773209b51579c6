"""What a gateway did, from records."""

from __future__ import annotations

import math

from foundation.measures.gateway import GatewayOutcome
from foundation.measures.outcome import RequestRecord, Status
from foundation.measures.served import Served


def record(at_s: float, served: Served, status: Status = Status.OK) -> RequestRecord:
    return RequestRecord(at_s, at_s, at_s + 0.1, at_s + 1.0, 10, 5, "gateway", status, served=served)


FIRST = {"claude": frozenset({"sonnet"})}
RECORDS = [
    record(0.0, Served("claude", "anthropic", "sonnet", 1, 1_000)),
    record(1.0, Served("claude", "gemini", "flash", 4, 500)),
    record(2.0, Served("claude", "", "", 3, None), Status.FAILED),
    record(3.0, Served("claude", "anthropic", "sonnet", 2, 1_500)),
]


def test_shares_attempts_and_cost_are_those_of_the_window() -> None:
    found = GatewayOutcome.of(RECORDS, FIRST, [(1.0, 2.0), (2.0, 4.0)])
    assert (found.requests, found.failed, found.fallback_share) == (3, 1, 0.5)
    assert found.attempts_per_request == 3.0
    assert found.usd_per_request == 2_000 / 1e9 / 3
    assert found.by_provider == {"anthropic": 1, "gemini": 1}
    assert found.failed_share == 1 / 3


def test_an_empty_window_has_no_figures() -> None:
    found = GatewayOutcome.of(RECORDS, FIRST, [(9.0, 10.0)])
    assert found.requests == 0
    assert all(map(math.isnan, (found.failed_share, found.fallback_share, found.usd_per_request)))
