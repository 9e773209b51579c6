"""After the load the engine is measured again; whatever comes of that, what the load has measured is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandtable.rehearsal.loop import Options, _Loop
from sandtable.workspace import Workspace
from simulations import calibration
from simulations.calibration import Calibration
from simulations.errors import CalibrationError
from stacks.environment import Environment
from stacks.pricing.prices import PriceBook

BEFORE = calibration.published("H100")


def recalibrated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, outcome: Calibration | Exception, yardstick_s: float | None = None
) -> tuple[Any, Calibration, list[Calibration]]:
    """Take the step with ``outcome`` as what the second calibration gives or raises; also returned is what was simulated anew."""
    loop = _Loop(Environment(name="dev"), Workspace(tmp_path), Options(quiet=True), PriceBook.bundled(), tmp_path, command="")
    simulated: list[Calibration] = []

    def simulate(_engines: Any, found: Calibration) -> Any:
        simulated.append(found)
        return SimpleNamespace(**{f"{name}_ms": SimpleNamespace(p50=p50) for name, p50 in (("ttft", 24.0), ("tpot", 1.5), ("e2e", 99.5))})

    monkeypatch.setattr(loop, "_simulate", simulate)

    def again(*_: Any, **__: Any) -> Calibration:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(calibration, "calibrate_again", again)
    engine: Any = type("Engine", (), {"url": "http://engine"})
    deployed: Any = None
    yardstick: Any = type("Yardstick", (), {"lap": None})
    return loop, loop._recalibrate(deployed, engine, BEFORE, yardstick, yardstick_s), simulated


def test_the_prediction_is_made_anew_from_the_speed_half_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    between = replace(BEFORE, drift=0.03)
    loop, used, simulated = recalibrated(monkeypatch, tmp_path, between)
    assert (used, simulated) == (between, [between])
    assert loop.found.notes == ["after the load the engine was 3% slower than before; the prediction stands on the speed half-way"]
    assert loop.found.missing == []


def test_the_prediction_is_for_the_speed_of_the_load_where_a_yardstick_tells_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    between = replace(BEFORE, drift=0.0, yardstick_s=2e-4)
    loop, used, simulated = recalibrated(monkeypatch, tmp_path, between, 2.1e-4)
    assert (used, simulated) == (between.at(2.1e-4), [between, used])
    assert loop.found.notes[1] == (
        "a yardstick on the engine's core took 1.050 times as long during the load as during the mixed loads, and the prediction "
        "counts that in; without it the p50 were ttft 24 ms, tpot 1.5 ms, e2e 99.5 ms"
    )
    (step,) = loop.steps.timings()
    assert step.note == "the engine is as fast as before; predicted anew from the speed half-way, times 1.050 by the yardstick"


def test_a_measurement_that_fails_costs_the_prediction_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    loop, used, simulated = recalibrated(monkeypatch, tmp_path, CalibrationError("the engine took a minute"))
    assert (used, simulated) == (BEFORE, [])
    assert loop.found.missing == [
        "the prediction does not count: the engine could not be measured after the load: the engine took a minute"
    ]
    assert [(step.step, step.status) for step in loop.steps.timings()] == [("recalibrate", "skipped")]


def test_an_engine_too_slow_for_a_second_load_keeps_its_prediction(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    loop, used, simulated = recalibrated(monkeypatch, tmp_path, BEFORE)
    assert (used, simulated, loop.found.notes, loop.found.missing) == (BEFORE, [], [], [])
