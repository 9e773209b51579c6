"""Prices of what is billed by use: storage and traffic to the internet, by cloud.

``rates.csv`` has OpenCost's default prices, read on 2026-11-29; each row names its file. They are flat rates: tiers, volume types and
discounts are not in them.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_FILE: Final = Path(__file__).with_name("rates.csv")


@dataclass(frozen=True, slots=True)
class Rate:
    """USD for one ``unit`` of ``item``; ``cloud`` is empty for one that is not named here."""

    cloud: str
    item: str
    unit: str
    usd: float
    source: str
    as_of: str


@cache
def _rates() -> dict[tuple[str, str], Rate]:
    rows = csv.DictReader(_FILE.read_text(encoding="utf-8").splitlines())
    found = [Rate(row["cloud"], row["item"], row["unit"], float(row["usd"]), row["source"], row["as_of"]) for row in rows]
    return {(rate.cloud, rate.item): rate for rate in found}


def rate_of(item: str, cloud: str) -> Rate:
    """Return the rate of ``storage`` or ``egress-internet`` in ``cloud``; for a cloud without one, OpenCost's default."""
    rates = _rates()
    return rates.get((cloud, item)) or rates["", item]
