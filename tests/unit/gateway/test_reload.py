"""What a reload changes, what it must not forget, and what it refuses."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.unit.gateway.test_parts import KEY, document, runtime
from workloads.gateway.configuration.keys import Holder
from workloads.gateway.configuration.loading import load
from workloads.gateway.errors import ConfigurationError, LedgerError
from workloads.gateway.limits.tenant import DAY_S, reserve
from workloads.gateway.money.ledger import Ledger, reconcile, spent_since
from workloads.gateway.runtime import Runtime


def limited(usd_per_day: float) -> dict[str, Any]:
    tenants = document()["tenants"]
    return {"acme": {**tenants["acme"], "limits": {"usd_per_day": usd_per_day}}}


def holder(of: Runtime) -> Holder:
    found = of.keys.holder(KEY)
    assert found is not None
    return found


def test_what_was_spent_today_counts_on_under_another_budget() -> None:
    first = runtime(tenants=limited(1.0))
    held = reserve(holder(first).meters, input_tokens=1, output_tokens=1, cost=900_000_000, now_s=0.0, unix_s=0.0)
    second = runtime(first, tenants=limited(0.95))
    (meter, _) = holder(second).meters
    assert meter.spent(0.0) == 900_000_000
    assert meter.refusal({}, 100_000_000, 0.0, 0.0) is not None
    held.settle(1, 1, 100_000_000, 0.0, 0.0)  # by the meters that it was reserved on
    assert meter.spent(0.0) == 100_000_000


def test_a_reload_gives_no_new_retries() -> None:
    first = runtime()
    while first.retry_budget.spend():
        pass
    assert not runtime(first).retry_budget.spend()
    assert runtime(first, retries={"budget_reserve": 3.0}).retry_budget.spend()


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "providers: {eu: {dialect: anthropic, base_url: 'http://x', headers: {x-version: 2026-10-21}}}",
        "routes: &a [*a]",
        "tenants: !!set {acme}",
        "ledger: .nan",
        "",
        "- 1",
    ],
)
def test_what_yaml_has_and_json_has_not_is_refused_by_name(text: str, tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"gateway\.yaml"):
        load(file)


def test_a_record_that_a_full_disk_tore_harms_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger, write = Ledger(path), os.write
    ledger.append({"tenant": "a", "nano_usd": 1})
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda file, data: write(file, data[:9]))
        with pytest.raises(LedgerError, match="full"):
            ledger.append({"tenant": "a", "nano_usd": 2})
    assert ledger.broken
    ledger.append({"tenant": "a", "nano_usd": 4})
    assert not ledger.broken
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda file, data: write(file, data[:9]))
        with pytest.raises(LedgerError):
            ledger.append({"tenant": "a", "nano_usd": 8})
    ledger.heal()
    assert not ledger.broken
    ledger.append({"tenant": "a", "nano_usd": 16})
    ledger.close()
    total = reconcile(path)
    assert (total.requests, total.nano_usd, total.torn) == (3, 21, 2)
    assert [json.loads(line)["nano_usd"] for line in path.read_text().splitlines() if line.endswith("}")] == [1, 4, 16]


@pytest.mark.parametrize("days", [1, 2, 5])
def test_what_was_spent_since_midnight_is_found_in_a_long_ledger(days: int, tmp_path: Path) -> None:
    path, midnight_s = tmp_path / "ledger.jsonl", 10 * DAY_S
    with path.open("w") as file:
        for number in range(3_000):
            at = midnight_s + DAY_S * (1 - days * (3_000 - number) / 3_000)
            file.write(json.dumps({"at": at, "tenant": "ab"[number % 2], "key": "k", "nano_usd": number, "model": "m" * 700}) + "\n")
            if number % 500 == 250:
                file.write('{"at": 9e9, "tenant": "a", "nano_\n\n')
    assert path.stat().st_size > 2_000_000
    every = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    for tenant in "ab":
        wanted = sum(record["nano_usd"] for record in every if record["tenant"] == tenant and record["at"] >= midnight_s)
        assert spent_since(path, midnight_s)[tenant, "k"] == wanted


def test_a_budget_goes_on_where_the_process_before_ended() -> None:
    live = runtime(tenants=limited(1.0))
    assert live.keys.has_budgets
    live.keys.recall({("acme", "one"): 600_000_000, ("acme", "gone"): 300_000_000, ("other", "one"): 5}, 3.0 * DAY_S)
    tenant, key = holder(live).meters
    assert (tenant.spent(3.5 * DAY_S), key.spent(3.5 * DAY_S)) == (900_000_000, 600_000_000)
    assert tenant.spent(4.0 * DAY_S) == 0
    assert not runtime().keys.has_budgets
