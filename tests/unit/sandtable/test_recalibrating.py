"""After the load the engine is measured again; whatever comes of that, what the load has measured is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandtable.rehearsal.loop import Options, _Loop
from sandtable.workspace import Workspace
from simulations import calibration
from simulations.calibration import Calibration
from simulations.errors import CalibrationError
from stacks.environment import Environment
from stacks.prices import PriceBook

BEFORE = calibration.published("H100")


def recalibrated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, outcome: Calibration | Exception
) -> tuple[Any, Calibration, list[Calibration]]:
    """Take the step with ``outcome`` as what the second calibration gives or raises; also returned is what was simulated anew."""
    loop = _Loop(Environment(name="dev"), Workspace(tmp_path), Options(quiet=True), PriceBook.bundled(), tmp_path, command="")
    simulated: list[Calibration] = []
    monkeypatch.setattr(loop, "_simulate", lambda _engines, found: simulated.append(found))

    def again(*_: Any, **__: Any) -> Calibration:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(calibration, "calibrate_again", again)
    engine: Any = type("Engine", (), {"url": "http://engine"})
    deployed: Any = None
    return loop, loop._recalibrate(deployed, engine, BEFORE), simulated


def test_the_prediction_is_made_anew_from_the_speed_half_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    between = replace(BEFORE, drift=0.03)
    loop, used, simulated = recalibrated(monkeypatch, tmp_path, between)
    assert (used, simulated) == (between, [between])
    assert loop.found.notes == ["after the load the engine was 3% slower than before; the prediction stands on the speed half-way"]
    assert loop.found.missing == []


def test_a_measurement_that_fails_costs_the_prediction_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    loop, used, simulated = recalibrated(monkeypatch, tmp_path, CalibrationError("the engine took a minute"))
    assert (used, simulated) == (BEFORE, [])
    assert loop.found.missing == [
        "the prediction does not count: the engine could not be measured after the load: the engine took a minute"
    ]
    assert [(step["step"], step["status"]) for step in loop.steps.timings()] == [("recalibrate", "skipped")]


def test_an_engine_too_slow_for_a_second_load_keeps_its_prediction(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    loop, used, simulated = recalibrated(monkeypatch, tmp_path, BEFORE)
    assert (used, simulated, loop.found.notes, loop.found.missing) == (BEFORE, [], [], [])
