"""How far a level of a predicted distribution may be off on another day."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from simulations.calibration.coefficients import Fit
from simulations.twin import Twin
from simulations.whatif.distribution import distributions
from simulations.whatif.doubts import doubts
from stacks.traffic import PlannedRequest
from workloads.engine.spec import EngineSpec


def plan(seed: int) -> list[PlannedRequest]:
    return [PlannedRequest(k, k * 0.3 + 0.01 * ((k * seed) % 7), 20 + (k * seed) % 50, 30 + (k * seed) % 40) for k in range(60)]


def trial(twin: Twin, *, overloads: tuple[object, ...] = ()) -> Any:
    return SimpleNamespace(
        overloads=overloads,
        runs=[twin.run(plan(seed), seed=seed) for seed in (1, 2, 3)],
        with_outages=lambda _draw: twin,
        played=lambda paced, replication: (paced.run(plan(replication + 1), seed=replication + 1), None),
    )


@pytest.fixture
def twin(calibration: Any) -> Twin:
    return Twin(("a",), EngineSpec(), calibration(drift=0.0, fit=Fit(0.1, 0.3, 50), load_fit=Fit(0.02, 0.1, 50)))


def test_the_band_lies_around_the_mean_of_the_replications_and_has_all_three_causes(twin: Twin) -> None:
    asked = trial(twin)
    levels = distributions([run.records for run in asked.runs])
    found = doubts(asked, levels)
    assert set(found) == {"ttft_ms", "tpot_ms", "e2e_ms"}
    for latency, bands in found.items():
        assert set(bands) == set(levels[latency])
        for level, band in bands.items():
            assert band.predicted == pytest.approx(levels[latency][level].mean)
            assert band.low < band.predicted < band.high
            assert band.calibration > band.engine > 0
            low, high = band.another_day
            assert low <= band.low
            assert high >= band.high
    median = found["e2e_ms"][0.5]
    assert median.arrivals > 0
    assert median.another_day[1] > median.high


def test_overload_has_no_band(twin: Twin) -> None:
    asked = trial(twin, overloads=(object(),))
    assert doubts(asked, distributions([run.records for run in asked.runs])) == {}
