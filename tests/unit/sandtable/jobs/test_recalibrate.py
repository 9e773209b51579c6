"""After the load the engine is measured again; whatever comes of that, what the load has measured is kept."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandtable.jobs.engines.calibrate import Calibrator, EngineSpeed
from sandtable.jobs.engines.trial import speed_remarks
from sandtable.terminal import Steps
from simulations import calibration
from simulations.calibration import Calibration, Fit
from simulations.calibration.yardstick import Lap, Yardstick
from simulations.errors import CalibrationError

PARTS = runpy.run_path(str(Path(__file__).parents[3] / "golden" / "example_parts.py"))
BEFORE: Calibration = replace(PARTS["calibration"](), fit=None, drift=None, yardstick_s=None, pace=None, load_fit=Fit(0.05, 0.3, 134))


def recalibrated(
    monkeypatch: pytest.MonkeyPatch, outcome: Calibration | Exception, load_s: float | None = None, *, alive: bool = True
) -> tuple[EngineSpeed | None, list[Any]]:
    """Measure again with ``outcome`` as what the second calibration gives or raises; also returned are the steps."""

    def again(*_: Any, **__: Any) -> Calibration:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(calibration, "calibrate_again", again)
    engine: Any = SimpleNamespace(url="http://engine", alive=lambda: alive)
    steps = Steps(quiet=True)
    try:
        return Calibrator(engine, Yardstick({0}), steps).after_the_load(BEFORE, Lap(load_s)), steps.timings()
    except CalibrationError:
        assert [(step.step, step.status) for step in steps.timings()] == [("recalibrate", "skipped")]
        raise


def twin_of(between: Calibration) -> Any:
    p50 = {f"{name}_ms": SimpleNamespace(p50=value) for name, value in (("ttft", 24.0), ("tpot", 1.5), ("e2e", 99.5))}
    return SimpleNamespace(outcome=SimpleNamespace(**p50), calibration=between)


def test_the_prediction_is_made_anew_from_the_speed_half_way(monkeypatch: pytest.MonkeyPatch) -> None:
    between = replace(BEFORE, drift=0.03)
    speed, _ = recalibrated(monkeypatch, between)
    assert speed == EngineSpeed(between, between)
    remarks = speed_remarks(speed.during, twin_of(between))
    assert remarks.notes == ("after the load the engine was 3% slower than before; the prediction uses the mean speed before and after",)
    assert remarks.missing == ()


def test_the_prediction_is_for_the_speed_of_the_load_where_a_yardstick_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    between = replace(BEFORE, drift=0.0, yardstick_s=2e-4)
    speed, (step,) = recalibrated(monkeypatch, between, 2.1e-4)
    assert speed == EngineSpeed(between, between.at(2.1e-4))
    assert speed_remarks(speed.during, twin_of(between)).notes[1] == (
        "a yardstick on the engine's core took 1.050 times as long during the load as during the mixed loads, and the prediction "
        "includes that; without it the p50 would be ttft 24 ms, tpot 1.5 ms, e2e 99.5 ms"
    )
    assert step.note == "the engine is as fast as before; predicted again from the mean speed, times 1.050 by the yardstick"


def test_a_measurement_that_fails_is_a_step_that_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CalibrationError, match="the engine took a minute"):
        recalibrated(monkeypatch, CalibrationError("the engine took a minute"))


@pytest.mark.parametrize("alive", [True, False])
def test_an_engine_too_slow_for_a_second_load_or_dead_keeps_its_prediction(monkeypatch: pytest.MonkeyPatch, alive: bool) -> None:
    speed, _ = recalibrated(monkeypatch, BEFORE, alive=alive)
    assert speed is None
