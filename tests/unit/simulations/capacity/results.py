"""Answers to scenarios, as far as thresholds look at them."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

from simulations.statistics import Interval


def result(ttft_ms: float, *, half: float = 0.0, monthly_usd: float = 0.0, unschedulable: Any = None) -> Any:
    """An answer with this p95 of the time to the first token, known to ``half``."""
    found = Interval(ttft_ms, ttft_ms - half, ttft_ms + half, 5)
    good = Interval(0.99, 0.98, 1.0, 5)
    return SimpleNamespace(
        metrics={"p95_ttft_ms": SimpleNamespace(value=found), "good_share": SimpleNamespace(value=good)},
        outcome=SimpleNamespace(e2e_ms=SimpleNamespace(p99=7.0, ci95={"p99": (6.0, math.inf)})),
        cost=SimpleNamespace(monthly_usd=monthly_usd),
        unschedulable=unschedulable or {},
    )
