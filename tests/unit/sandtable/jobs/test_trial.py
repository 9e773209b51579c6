"""What a trial makes of engines that cannot be calibrated, do not fit or cannot be measured again."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from foundation.measures import RequestRecord
from loadtests.measurement import GeneratorStats, Measurement
from sandtable.jobs.engines import trial
from sandtable.jobs.engines.trial import Setting, Trial, predict_and_measure
from sandtable.terminal import Steps
from sandtable.workspace import Workspace
from simulations import calibration
from simulations.calibration import Calibration, Fit, yardstick
from simulations.deployed import DeployedEngines
from simulations.errors import CalibrationError
from stacks.environment import Environment
from stacks.traffic import PlannedRequest
from workloads.engine.spec import EngineSpec

DEPLOYED = DeployedEngines(
    ("ai-0",), EngineSpec("synthetic", slots=4, context_tokens=1024, threads=1, port=0), None, False, "Deployment ai"
)
QUIET = GeneratorStats("open-loop", 1, 10.0, 1.0, 0.1, 100, 100, 900, 10.0, 10.0, 0.5, 2.0, 3.0)
MEASURED = Measurement.of([RequestRecord(0.0, 0.0, 0.1, 0.2, 10, 5, "a")], replicas=["a"], generator=QUIET)
PARTS = runpy.run_path(str(Path(__file__).parents[3] / "golden" / "example_parts.py"))
BEFORE: Calibration = replace(
    PARTS["calibration"](), spec=DEPLOYED.spec, fit=None, drift=None, yardstick_s=None, pace=None, load_fit=Fit(0.05, 0.3, 134)
)


@pytest.fixture
def try_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Trial]:
    """Return a trial on a played engine; ``before`` and ``after`` are what the calibrations give or raise."""

    def played(before: Calibration | Exception, after: Calibration | Exception = BEFORE, *, alive: bool = True) -> Trial:
        engine: Any = SimpleNamespace(url="http://engine", alive=lambda: alive, exit_reason=lambda: "ended by signal 9", waited_s=float)

        @contextmanager
        def start(*_: Any, **__: Any) -> Iterator[list[Any]]:
            yield [engine]

        def give(outcome: Calibration | Exception) -> Callable[..., Calibration]:
            def calibrate(*_: Any, **__: Any) -> Calibration:
                if isinstance(outcome, Exception):
                    raise outcome
                return outcome

            return calibrate

        monkeypatch.setattr(trial, "start_engines", start)
        monkeypatch.setattr(trial, "share_cores", lambda *_: SimpleNamespace(engines=[{0}]))
        monkeypatch.setattr(trial, "measure_openly", lambda *_, **__: MEASURED)
        monkeypatch.setattr(calibration, "calibrate", give(before))
        monkeypatch.setattr(calibration, "calibrate_again", give(after))
        lap = SimpleNamespace(lap=lambda: nullcontext(yardstick.Lap()))
        monkeypatch.setattr(yardstick, "Yardstick", lambda _: nullcontext(lap))
        requests = [PlannedRequest(0, 0.0, 10, 5)]
        return predict_and_measure(DEPLOYED, Setting(Environment(name="dev"), requests, Workspace(tmp_path), tmp_path, Steps(quiet=True)))

    return played


@pytest.mark.parametrize(
    ("alive", "reason"), [(True, "the engine is busy"), (False, "an engine died while it was calibrated: ended by signal 9")]
)
def test_an_engine_that_cannot_be_calibrated_ends_in_a_verdict(try_with: Callable[..., Trial], alive: bool, reason: str) -> None:
    tried = try_with(CalibrationError("the engine is busy"), alive=alive)
    assert tried.remarks.missing == (f"nothing was predicted or measured: {reason}",)
    assert (tried.calibration, tried.prediction, tried.measurement) == (None, None, None)


def test_a_second_measurement_that_fails_costs_the_prediction_alone(try_with: Callable[..., Trial]) -> None:
    tried = try_with(BEFORE, CalibrationError("the engine took a minute"))
    assert tried.remarks.missing == (
        "the prediction does not count: the engine could not be measured after the load: the engine took a minute",
    )
    assert (tried.calibration, tried.measurement) == (BEFORE, MEASURED)


def test_coefficients_are_left_beside_the_run_and_kept_where_nothing_speaks_against_them(
    try_with: Callable[..., Trial], tmp_path: Path
) -> None:
    kept = Workspace(tmp_path).calibration("dev")
    doubted = try_with(BEFORE, replace(BEFORE, drift=0.9))
    assert doubted.remarks.missing[0].startswith("the prediction does not count: after the load the engine was 90% slower")
    assert not kept.exists()
    good = try_with(BEFORE, between := replace(BEFORE, drift=0.03))
    assert (good.calibration, good.remarks.missing) == (between, ())
    assert Calibration.load(kept) == between
    assert Calibration.load(tmp_path / "calibration.json") == between


def test_engines_that_do_not_fit_this_machine_are_not_measured(tmp_path: Path) -> None:
    many = replace(DEPLOYED, spec=replace(DEPLOYED.spec, threads=1000))
    tried = predict_and_measure(many, Setting(Environment(name="dev"), [], Workspace(tmp_path), tmp_path, Steps(quiet=True)))
    assert tried.remarks.missing[0].startswith("nothing was measured: 1 engines with 1000 threads and a load generator need 1001 cores")


def test_a_gateway_that_outlives_a_run_is_asked_other_texts_in_the_next_one(tmp_path: Path) -> None:
    def texts_seed(run: str, pods: object) -> int:
        return Setting(Environment(name="dev"), [], Workspace(tmp_path), tmp_path / run, Steps(quiet=True), pods=pods).texts_seed  # type: ignore[arg-type]

    first, second = (texts_seed(run, object()) for run in ("20261130T011624-lab", "20261130T011936-lab"))
    assert first != second
    assert first == texts_seed("20261130T011624-lab", object())
    assert texts_seed("20261130T011624-lab", None) == Environment(name="dev").traffic.seed
