"""What a gateway did, from records."""

from __future__ import annotations

import math

from foundation.measures.gateway import GatewayOutcome
from foundation.measures.goodput import Limits, goodput
from foundation.measures.outcome import Outcome, RequestRecord, Status
from foundation.measures.served import Served
from loadtests.measurement import timeline


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


def test_what_is_over_its_tenant_s_quota_is_no_failure_of_anyone() -> None:
    limited = [record(n / 10, Served("claude", "", "", 0), Status.LIMITED) for n in range(5)]
    found = GatewayOutcome.of([*RECORDS, *limited], FIRST)
    assert (found.requests, found.failed, found.limited) == (4, 1, 5)
    assert found.attempts_per_request == GatewayOutcome.of(RECORDS, FIRST).attempts_per_request
    whole = Outcome.from_records([*RECORDS, *limited], replicas=["gateway"], seed=1)
    assert (whole.requests, whole.good, whole.failed, whole.limited) == (4, 3, 1, 5)
    assert Outcome.from_json(whole.to_json()).limited == 5
    assert goodput([*RECORDS, *limited], Limits()) == 0.75
    assert sum(point.offered_per_s for point in timeline([*RECORDS, *limited])) == 4
