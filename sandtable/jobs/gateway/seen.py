"""What was measured through a gateway, with what only the gateway knows: costs, and which requests the engine answered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from foundation.measures import Outcome
from simulations.gateway.deployed import OWN

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from foundation.measures import RequestRecord
    from loadtests.measurement import Measurement


def with_costs(measurement: Measurement, ledger: Path, engine: str) -> Measurement:
    """Return the measurement with the cost of each request from the gateway's ledger; one without an entry cost nothing.

    Requests that the engine answered count as its own, so that its utilisation is measured as it is without a gateway.
    """
    from workloads.gateway.money.ledger import records

    by_id = {entry["id"]: int(entry["nano_usd"]) for entry in records(ledger) if entry is not None} if ledger.exists() else {}
    told = tuple(_told(record, by_id, engine) for record in measurement.records)
    outcome = Outcome.from_records(told, replicas=(engine,), seed=measurement.outcome.seed, horizon_s=measurement.horizon_s)
    return replace(measurement, records=told, outcome=outcome)


def _told(record: RequestRecord, by_id: Mapping[str, int], engine: str) -> RequestRecord:
    if record.served is None:
        return record
    served = replace(record.served, nano_usd=by_id.get(record.served.id, 0))
    return replace(record, served=served, replica=engine if served.provider == OWN else record.replica)
