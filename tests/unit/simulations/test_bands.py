"""How far a prediction may be off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from simulations.bands import LEAST_ENGINE, PUBLISHED, Uncertainty, bands, uncertainty
from simulations.calibration import published
from simulations.calibration.coefficients import Fit
from simulations.twin import Twin
from stacks.traffic import PlannedRequest
from workloads.engine.spec import EngineSpec


def plan(seed: int = 1, gap_s: float = 0.3) -> list[PlannedRequest]:
    return [PlannedRequest(k, k * gap_s + 0.01 * ((k * seed) % 7), 20 + (k * seed) % 50, 30 + (k * seed) % 40) for k in range(60)]


@pytest.fixture
def twin(calibration: Any) -> Twin:
    return Twin(("a",), EngineSpec(), calibration())


def test_a_prediction_without_doubt_has_no_width(twin: Twin) -> None:
    for band in bands(twin, plan(), seed=1, doubt=Uncertainty(0.0, 0.0)).values():
        assert band.low == band.high == band.predicted
        assert math.isnan(band.arrivals)


def test_each_cause_is_told_apart_and_they_add_up_in_squares(twin: Twin) -> None:
    engine, calibration, both = (
        bands(twin, plan(), seed=1, doubt=Uncertainty(*doubt))["p50_e2e_ms"] for doubt in ((0.1, 0.0), (0.0, 0.1), (0.1, 0.1))
    )
    assert engine.engine == calibration.calibration > 0
    assert engine.calibration == calibration.engine == 0
    above, once = math.log(both.high / both.predicted), math.log(engine.high / engine.predicted)
    assert above == pytest.approx(math.sqrt(2) * once)


def test_a_slower_engine_lies_at_the_upper_end(twin: Twin, calibration: Any) -> None:
    band = bands(twin, plan(), seed=1, doubt=Uncertainty(0.1, 0.0))["p50_e2e_ms"]
    slow = replace(twin, calibration=calibration().paced(1.1, "test")).run(plan(), seed=1).outcome.e2e_ms.p50
    assert band.covers(slow)
    assert not band.covers(2 * band.predicted)


def test_other_arrivals_are_reported_and_do_not_widen_the_band(twin: Twin) -> None:
    def other(seed: int) -> Sequence[PlannedRequest]:
        return plan(seed)

    fixed, varied = bands(twin, plan(), seed=1), bands(twin, plan(), seed=1, other_plan=other)
    assert all(band.arrivals > 0 for band in varied.values())
    assert [(band.low, band.high) for band in fixed.values()] == [(band.low, band.high) for band in varied.values()]


def test_a_plan_without_requests_has_no_bands(twin: Twin) -> None:
    assert bands(twin, [], seed=1) == {}


def test_the_drift_of_the_machine_and_the_errors_of_the_fits_are_the_uncertainty(calibration: Any) -> None:
    fits = {"fit": Fit(0.02, 0.1, 50), "load_fit": Fit(0.1, 0.5, 100)}
    steady, moved = (uncertainty(calibration(drift=drift, **fits)) for drift in (0.0, 0.21))
    assert steady.engine == LEAST_ENGINE
    assert moved.engine == pytest.approx(math.log(1.21) / 2)
    assert steady.calibration == pytest.approx(math.hypot(0.02, 0.014826))
    assert uncertainty(published("H100")).calibration == PUBLISHED
