"""What each measured request cost, from the gateway's ledger."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from loadtests.measurement import Measurement


def with_costs(measurement: Measurement, ledger: Path) -> Measurement:
    """Return the measurement with the cost of each request; one without an entry cost nothing."""
    from workloads.gateway.money.ledger import records

    by_id = {entry["id"]: int(entry["nano_usd"]) for entry in records(ledger) if entry is not None} if ledger.exists() else {}
    priced = tuple(
        replace(record, served=replace(record.served, nano_usd=by_id.get(record.served.id, 0))) if record.served else record
        for record in measurement.records
    )
    return replace(measurement, records=priced)
