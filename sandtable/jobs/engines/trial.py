"""Prediction and measurement of the same load on the same engines."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sandtable.jobs.engines.calibrate import Calibrator, keep
from sandtable.jobs.engines.cores import EnginesDoNotFitError, share_cores
from sandtable.jobs.engines.measure import measure_openly
from sandtable.jobs.engines.predict import predict, simulate
from sandtable.jobs.engines.running import start_engines
from sandtable.jobs.remarks import NO_REMARKS, Remarks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from foundation.measures import JobOutcome
    from loadtests.measurement import Measurement
    from sandtable.terminal import Steps
    from sandtable.workspace import Workspace
    from simulations.calibration import Calibration
    from simulations.deployed import DeployedEngines
    from simulations.twin import Prediction
    from stacks.environment import Environment
    from stacks.traffic import PlannedRequest


@dataclass(frozen=True, slots=True)
class Trial:
    """What the twin said and what the load test saw; what is missing is None, and the remarks say why."""

    calibration: Calibration | None = None
    prediction: Prediction | None = None
    measurement: Measurement | None = None
    jobs: tuple[JobOutcome, ...] = ()
    remarks: Remarks = NO_REMARKS


NO_TRIAL: Final = Trial()


@dataclass(frozen=True, slots=True)
class Setting:
    """What all trials of a rehearsal share: the load, and the folder for their files."""

    environment: Environment
    requests: Sequence[PlannedRequest]
    space: Workspace
    folder: Path
    steps: Steps

    @property
    def seed(self) -> int:
        """Seed of the load."""
        return self.environment.traffic.seed


def predict_published(deployed: DeployedEngines, gpu_model: str, setting: Setting) -> Trial:
    """Predict engines on GPUs that this machine lacks from published coefficients; nothing is measured."""
    from simulations import calibration

    published = calibration.published(gpu_model)
    prediction = predict(deployed, published, setting.requests, setting.seed, setting.steps)
    missing = f"nothing was measured: {without_gpus(gpu_model)}; the prediction rests on published coefficients"
    return Trial(published, prediction, remarks=Remarks(missing=(missing,), simulated=(published.origin(),)))


def without_gpus(gpu_model: str) -> str:
    """Return why engines on ``gpu_model`` are not measured."""
    return f"the engines request {gpu_model} GPUs, and only CPU engines can be started here"


def predict_and_measure(deployed: DeployedEngines, setting: Setting) -> Trial:
    """Start the engines, measure their speed, predict the load, send it, and measure the speed again.

    Raises:
        EngineError, LoadTestError: an engine does not start, or the generator cannot work.
    """
    from simulations.calibration.yardstick import Yardstick
    from simulations.errors import CalibrationError

    steps = setting.steps
    try:
        cores = share_cores(len(deployed.replicas), deployed.spec.threads)
    except EnginesDoNotFitError as error:
        steps.skip("load test", str(error))
        return Trial(remarks=Remarks(missing=(f"nothing was measured: {error}",)))
    with (
        start_engines(deployed, cores, setting.folder, setting.space, steps) as engines,
        Yardstick(cores.engines[0]) as yardstick,
    ):
        started = _started(deployed)
        calibrator = Calibrator(engines[0], yardstick, steps)
        try:
            before = calibrator.before_the_load(deployed.spec)
        except CalibrationError as error:
            return Trial(remarks=started + Remarks(missing=(f"nothing was predicted or measured: {error}",)))
        first = predict(deployed, before, setting.requests, setting.seed, steps)
        with yardstick.lap() as lap:
            measurement = measure_openly(setting.requests, engines, setting.environment, steps)
        sent = Remarks(real=("The load: every request was sent at its planned time, and every answer was streamed and timed.",))
        trial = Trial(before, first, measurement, remarks=started + sent)
        try:
            speed = calibrator.after_the_load(before, lap)
        except CalibrationError as error:
            missing = f"the prediction does not count: the engine could not be measured after the load: {error}"
            return _doubted(replace(trial, remarks=trial.remarks + Remarks(missing=(missing,))), setting)
    if speed is not None:
        again = simulate(deployed, speed.during, setting.requests, setting.seed)
        without = again if speed.during.pace is None else simulate(deployed, speed.half_way, setting.requests, setting.seed)
        trial = replace(trial, calibration=speed.during, prediction=again, remarks=trial.remarks + speed_remarks(speed.during, without))
    return _doubted(trial, setting)


def _started(deployed: DeployedEngines) -> Remarks:
    engines = f"The engines: {len(deployed.replicas)} x llama.cpp on the CPU of this machine, started as the Deployment says."
    model = ("The model has random weights: its speed is real, its answers mean nothing.",) if deployed.spec.model == "synthetic" else ()
    return Remarks(real=(engines,), simulated=model)


def speed_remarks(during: Calibration, without: Prediction) -> Remarks:
    """Report what the second calibration changed; ``without`` is the prediction without the yardstick."""
    halved = f"after the load the engine was {during.change()}; the prediction uses the mean speed before and after"
    if during.pace is None:
        return Remarks(notes=(halved,))
    middle = ", ".join(f"{name} {getattr(without.outcome, f'{name}_ms').p50:.3g} ms" for name in ("ttft", "tpot", "e2e"))
    yardstick = (
        f"a yardstick on the engine's core took {during.pace:.3f} times as long during the load as during the mixed loads, "
        f"and the prediction includes that; without it the p50 would be {middle}"
    )
    return Remarks(notes=(halved, yardstick))


def _doubted(trial: Trial, setting: Setting) -> Trial:
    """Write the coefficients to the run's folder; keep them for the next what-if, or say what the doubt is."""
    if (calibration := trial.calibration) is None:
        return trial
    calibration.save(setting.folder / "calibration.json")
    if doubt := calibration.doubt():
        return replace(trial, remarks=trial.remarks + Remarks(missing=(f"the prediction does not count: {doubt}",)))
    keep(calibration, setting.space.calibration(setting.environment.name))
    return trial
