"""How likely a threshold is missed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from simulations.capacity import risk
from simulations.errors import SimulationError
from stacks.environment.thresholds import Threshold

LIMITS = [Threshold("p95_ttft_ms < 100"), Threshold("failed_share <= 0.01"), Threshold("p99_e2e_ms < 50")]


def result(ttft_ms: list[float], *, unschedulable: Any = None) -> Any:
    return SimpleNamespace(
        values={"p95_ttft_ms": ttft_ms, "good_share": [1.0] * (len(ttft_ms) - 1) + [0.9]},
        each=[SimpleNamespace(e2e_ms=SimpleNamespace(p99=40.0)) for _ in ttft_ms],
        cost=SimpleNamespace(monthly_usd=70.0),
        unschedulable=unschedulable or {},
    )


def test_a_replication_that_misses_several_counts_once() -> None:
    found = risk("rate", 1.5, result([90.0, 110.0, 99.0, 120.0]), LIMITS)
    assert (found.missed, found.n, found.share, found.monthly_usd) == (2, 4, 0.5, 70.0)
    assert dict(found.thresholds) == {"p95_ttft_ms < 100": 2, "failed_share <= 0.01": 1, "p99_e2e_ms < 50": 0}
    assert found.low == pytest.approx(0.0676, abs=1e-3)  # Clopper and Pearson for 2 of 4
    assert found.high == pytest.approx(0.9324, abs=1e-3)


def test_a_figure_without_a_value_is_a_miss_and_so_is_a_stack_that_does_not_fit() -> None:
    assert risk("rate", 1.0, result([float("nan"), 90.0]), LIMITS[:1]).missed == 1
    assert risk("replicas", 3.0, result([1.0, 1.0], unschedulable={"pod": "no node"}), LIMITS[:1]).share == 1


def test_what_is_not_predicted_is_an_error() -> None:
    with pytest.raises(SimulationError, match="does not predict policy_violations"):
        risk("rate", 1.0, result([1.0]), [Threshold("policy_violations == 0")])
