"""The twin against the real engine, on a short piece of dev's load.

A guard against a wrong model, on machines that do other things meanwhile: its limits are wide. ``benchmarks/prediction.py`` has the
figures.
"""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from loadtests import open_loop
from sandtable.local.engine import EngineProcess
from simulations.calibration import Calibration, calibrate, calibrate_again
from simulations.calibration.yardstick import Yardstick
from simulations.deployed import DeployedEngines
from simulations.errors import CalibrationError
from simulations.twin import Twin
from stacks.environment.file import load
from stacks.graph.sources import from_program
from stacks.traffic import plan
from workloads.engine.spec import EngineSpec

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[3]
LIMITS = {"p50": 0.4, "p95": 0.6}
MOST_WAITED = 0.2


def test_the_prediction_meets_the_measurement(tmp_path: Path) -> None:
    environment = load("dev", root=ROOT)
    deployed = DeployedEngines.from_graph(from_program(environment))
    requests = plan(environment.traffic.model_copy(update={"duration_s": 20.0, "mix": []}))
    cores = sorted(os.sched_getaffinity(0))
    spec = EngineSpec(deployed.spec.model, deployed.spec.slots, deployed.spec.context_tokens, deployed.spec.threads, port=0)
    with EngineProcess(spec, cpus={cores[0]}, log=tmp_path / "engine.log", cache=tmp_path) as engine, Yardstick({cores[0]}) as yardstick:
        os.sched_setaffinity(0, set(cores[1:]) or {cores[0]})
        try:
            seen: list[tuple[int, int]] = []
            calibration = calibrate(
                engine.url, deployed.spec, on_progress=lambda done, total, _what: seen.append((done, total)), lap=yardstick.lap
            )
            with yardstick.lap() as lap:
                waited = engine.waited_s()
                measurement = open_loop.run(requests, [engine.url], seed=1)
                waited = (engine.waited_s() - waited) / measurement.outcome.duration_s
            calibration = calibrate_again(engine.url, calibration, lap=yardstick.lap).at(lap.mean_s)
        finally:
            os.sched_setaffinity(0, set(cores))
    assert all(done <= total for done, total in seen)
    assert calibration.pace is not None
    prediction = Twin.of(deployed, calibration).run(requests, seed=1)
    calibration.save(tmp_path / "calibration.json")
    assert Calibration.load(tmp_path / "calibration.json") == calibration
    if waited > MOST_WAITED:
        pytest.skip(f"other programs took the engine's core: its threads waited {waited:.0%} of the time, {MOST_WAITED:.0%} are allowed")
    # A fit that misses is the model's fault; a machine that changed its speed is nobody's here.
    if doubt := replace(calibration, fit=None, load_fit=None).doubt():
        pytest.skip(doubt)
    assert all(entry.coefficient.provenance == "measured" for entry in calibration.provenance())
    predicted, measured = prediction.outcome, measurement.outcome
    assert (measured.good, measured.failed) == (predicted.good, predicted.failed) == (len(requests), 0)
    assert [r.output_tokens for r in measurement.records] == [r.output_tokens for r in prediction.records]
    for name in ("ttft_ms", "tpot_ms", "e2e_ms"):
        for quantile, limit in LIMITS.items():
            expected, got = getattr(getattr(predicted, name), quantile), getattr(getattr(measured, name), quantile)
            assert expected == pytest.approx(got, rel=limit), f"{quantile} of {name}: predicted {expected:.1f}, measured {got:.1f}"


def test_an_engine_that_dies_while_it_is_measured_is_said_to_be_gone(tmp_path: Path) -> None:
    with EngineProcess(EngineSpec(port=0), log=tmp_path / "engine.log", cache=tmp_path) as engine:

        def stop_in_the_middle(done: int, _total: int, _what: str) -> None:
            if done == 3:
                engine.stop()

        with pytest.raises(CalibrationError, match=r"cannot be reached .*is the engine still running|answers|pieces of text"):
            calibrate(engine.url, engine.spec, on_progress=stop_in_the_middle)
