"""Prices for tokens and the ledger of GPU seconds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from foundation.measures.outcome import Outcome
from simulations.cost import GpuLedger, LedgerError, usd_per_million_output_tokens

OUTCOME = replace(Outcome.from_records([], replicas=[], seed=1), output_tokens_per_s=1167.0)


def test_a_million_tokens_cost_the_hour_divided_by_what_it_produced() -> None:
    # One H100 at $2.95 an hour and 5.53 requests a second of 211 tokens: $0.702, as worked out in the reference.
    assert usd_per_million_output_tokens(OUTCOME, 2.95) == pytest.approx(0.702, abs=5e-4)
    assert usd_per_million_output_tokens(OUTCOME, 2 * 2.95) == pytest.approx(1.404, abs=1e-3)


def test_no_tokens_have_no_price() -> None:
    assert usd_per_million_output_tokens(replace(OUTCOME, output_tokens_per_s=0.0), 2.95) is None


def test_gpu_seconds_end_in_exactly_one_bucket() -> None:
    ledger = GpuLedger(total_s=100, serving_s=40, waiting_s=20, down_s=10, other_s=5, unrequested_s=25)
    assert ledger.utilisation == 0.4
    with pytest.raises(LedgerError):
        replace(ledger, serving_s=40.0001)
    with pytest.raises(LedgerError):
        replace(ledger, serving_s=70, waiting_s=-10)


def test_without_gpus_there_is_no_utilisation() -> None:
    assert GpuLedger(0, 0, 0, 0, 0, 0).utilisation is None
