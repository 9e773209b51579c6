"""What providers bill is what the gateway's records cost, stretched to a month; the stack's own engines and emulators bill nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from foundation.measures.outcome import RequestRecord
from foundation.measures.served import Served
from simulations.cost.providers import billed

GATEWAY: Any = SimpleNamespace(
    outside=["claude", "gemini"],
    configuration=SimpleNamespace(
        providers={
            name: SimpleNamespace(label=label) for name, label in (("claude", "anthropic"), ("gemini", "google"), ("engine", "local"))
        }
    ),
)


def record(provider: str, nano_usd: int | None) -> RequestRecord:
    served = Served("route", provider, "model", 1, nano_usd)
    return RequestRecord(0.0, 0.0, 0.1, 0.2, 10, 10, "gateway", served=served)


def test_a_bill_is_the_sum_of_its_requests_over_a_month() -> None:
    records = [record("anthropic", 2_000_000_000), record("anthropic", 1_000_000_000), record("local", 500), record("google", None)]
    claude, gemini = billed(records, GATEWAY, span_s=3600)
    assert (claude.provider, claude.request_share, claude.monthly_usd) == ("anthropic", 0.5, pytest.approx(3 * 730))
    assert (gemini.provider, gemini.monthly_usd) == ("google", 0.0)


def test_requests_that_went_past_the_gateway_are_nobodys_bill() -> None:
    assert billed([RequestRecord(0.0, 0.0, 0.1, 0.2, 10, 10, "engine")], GATEWAY, span_s=60) == ()
