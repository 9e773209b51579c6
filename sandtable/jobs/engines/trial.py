"""Prediction and measurement of the same load on the same engines."""

from __future__ import annotations

import zlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from foundation.errors import NotReadyError
from sandtable.jobs.engines.calibrate import Calibrator, keep
from sandtable.jobs.engines.cores import EnginesDoNotFitError, share_cores
from sandtable.jobs.engines.in_pods import PodsNotReachedError
from sandtable.jobs.engines.measure import measure_openly
from sandtable.jobs.engines.predict import predict, prediction_bands, simulate
from sandtable.jobs.engines.running import start_engines
from sandtable.jobs.gateway.faults import ENGINE, of_the_load, predict_faults, rehearse_faults
from sandtable.jobs.gateway.outcome import load_outcome
from sandtable.jobs.gateway.overhead import ASSUMED, measure_overhead
from sandtable.jobs.gateway.predicting import model_of
from sandtable.jobs.gateway.running import GatewayNotRehearsedError, start_gateway, straight
from sandtable.jobs.gateway.seen import with_costs
from sandtable.jobs.remarks import NO_REMARKS, Remarks
from toolchain.errors import ToolchainError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from foundation.formats.changes import Change
    from foundation.measures import JobOutcome
    from loadtests.measurement import Measurement
    from sandtable.jobs.engines.cores import Cores
    from sandtable.jobs.engines.in_pods import StackInPods
    from sandtable.jobs.engines.serving import ServingEngine
    from sandtable.jobs.gateway.overhead import Overhead
    from sandtable.jobs.gateway.running import RunningGateway
    from sandtable.terminal import Steps
    from sandtable.workspace import Workspace
    from simulations.bands import Band
    from simulations.calibration import Calibration
    from simulations.deployed import DeployedEngines
    from simulations.gateway import DeployedGateway, GatewayModel
    from simulations.serving import Speed
    from simulations.twin import Prediction
    from stacks.environment import Environment
    from stacks.traffic import PlannedRequest


@dataclass(frozen=True, slots=True)
class Trial:
    """What the twin said and what the load test saw; what is missing is None, and the remarks say why."""

    calibration: Speed | None = None
    prediction: Prediction | None = None
    measurement: Measurement | None = None
    jobs: tuple[JobOutcome, ...] = ()
    remarks: Remarks = NO_REMARKS
    bands: Mapping[str, Band] = field(default_factory=dict)


NO_TRIAL: Final = Trial()


@dataclass(frozen=True, slots=True)
class Setting:
    """What all trials of a rehearsal share: the load, the faults, and the folder for their files."""

    environment: Environment
    requests: Sequence[PlannedRequest]
    space: Workspace
    folder: Path
    steps: Steps
    faults: Sequence[Change] = ()
    pods: StackInPods | None = None
    """The stack's own pods, if they take the load; None: processes of this machine do."""

    @property
    def seed(self) -> int:
        """Seed of the load."""
        return self.environment.traffic.seed

    @property
    def texts_seed(self) -> int:
        """Seed of its texts. A gateway in a pod outlives the run, and would answer the same texts from its cache the next time."""
        return self.seed + zlib.crc32(self.folder.name.encode()) if self.pods else self.seed


def predict_published(deployed: DeployedEngines, gpu_model: str, setting: Setting, gateway: DeployedGateway | None = None) -> Trial:
    """Predict engines on GPUs that this machine lacks from published coefficients; nothing is measured."""
    from simulations import calibration

    published = calibration.published(gpu_model)
    model = model_of(gateway, setting.seed) if gateway else None
    prediction = predict(deployed, published, setting, gateway=model)
    missing = f"nothing was measured: {without_gpus(gpu_model)}; the prediction rests on published coefficients"
    bands = prediction_bands(deployed, published, setting, gateway=model)
    trial = Trial(published, prediction, remarks=Remarks(missing=(missing,), simulated=(published.origin(),)), bands=bands)
    return _predicted_behind(model, trial, deployed, setting) if model else trial


def _predicted_behind(model: GatewayModel, trial: Trial, engines: DeployedEngines, setting: Setting) -> Trial:
    """Add what the twin says of the gateway, and of the faults."""
    from simulations.twin import Twin

    prediction, speed = trial.prediction, trial.calibration
    assert prediction is not None and speed is not None, "predicted before this is called"  # noqa: PT018
    door = model.deployed
    outcome = load_outcome(prediction.records, (), door.first_choices, ASSUMED)
    trial = replace(trial, jobs=(*trial.jobs, outcome), remarks=trial.remarks + Remarks(simulated=door.assumptions()))
    if not (faults := of_the_load(setting.faults, door)):
        return trial
    found, remarks = predict_faults(Twin.of(engines, speed, model), door, faults, setting)
    return replace(trial, jobs=(*trial.jobs, found), remarks=trial.remarks + remarks)


def without_gpus(gpu_model: str) -> str:
    """Return why engines on ``gpu_model`` are not measured."""
    return f"the engines request {gpu_model} GPUs, and only CPU engines can be started here"


def predict_and_measure(deployed: DeployedEngines, setting: Setting, gateway: DeployedGateway | None = None) -> Trial:
    """Start the engines and the gateway, measure their speed, predict the load, send it, measure the speed again; then inject the faults.

    On a cluster with a real node they run already, in the pods of the stack.

    Raises:
        EngineError, LoadTestError: an engine does not start, or the generator cannot work.
    """
    from simulations.calibration.yardstick import Yardstick
    from simulations.errors import CalibrationError

    steps = setting.steps
    with ExitStack() as stack:
        try:
            engines, cores = stack.enter_context(_engines(deployed, setting))
        except (EnginesDoNotFitError, PodsNotReachedError) as error:
            return _nothing_measured(error, setting)
        running, lacking = None, Remarks()
        try:
            running = stack.enter_context(_gateway(gateway, engines, cores, setting)) if gateway else None
        except (GatewayNotRehearsedError, PodsNotReachedError, NotReadyError, ToolchainError) as error:
            why = str(error).partition("\n")[0]
            steps.skip("gateway", f"the load goes straight to the engines: {why}")
            lacking = Remarks(missing=(f"the load went straight to the engines, past the gateway: {why}",))
            setting = replace(setting, requests=straight(setting.requests))
        yardstick = stack.enter_context(Yardstick(cores.engines[0]))
        started = (_in_pods(deployed, running) if setting.pods else _started(deployed, running)) + lacking
        calibrator = Calibrator(engines[0], yardstick, steps)
        try:
            before = calibrator.before_the_load(deployed.spec)
        except CalibrationError as error:
            return Trial(remarks=started + Remarks(missing=(f"nothing was predicted or measured: {error}",)))
        door = _measured(running, engines[0].url, setting) if running else None
        model = door.model if door else None
        first = predict(deployed, before, setting, gateway=model)
        with yardstick.lap() as lap:
            measurement = measure_openly(setting, engines, gateway=running)
        sent = Remarks(real=("The load: every request was sent at its planned time, and every answer was streamed and timed.",))
        trial = Trial(before, first, measurement, remarks=started + sent)
        try:
            speed = calibrator.after_the_load(before, lap)
        except CalibrationError as error:
            missing = f"the prediction does not count: the engine could not be measured after the load: {error}"
            return _doubted(replace(trial, remarks=trial.remarks + Remarks(missing=(missing,))), before, setting)
        used = before
        if speed is not None:
            used = speed.during
            again = simulate(deployed, speed.during, setting, gateway=model)
            without = again if speed.during.pace is None else simulate(deployed, speed.half_way, setting, gateway=model)
            remarks = trial.remarks + speed_remarks(speed.during, without)
            trial = replace(trial, calibration=speed.during, prediction=again, remarks=remarks)
        trial = replace(trial, bands=prediction_bands(deployed, used, setting, gateway=model))
        if door is not None:
            trial = _through_the_gateway(trial, deployed, door, engines, setting)
    return _doubted(trial, used, setting)


@contextmanager
def _engines(deployed: DeployedEngines, setting: Setting) -> Iterator[tuple[Sequence[ServingEngine], Cores]]:
    if setting.pods:
        with setting.pods.engines(deployed, setting.space.root, setting.steps) as found:
            yield found
        return
    cores = share_cores(len(deployed.replicas), deployed.spec.threads)
    with start_engines(deployed, cores, setting.folder, setting.space, setting.steps) as engines:
        yield engines, cores


@contextmanager
def _gateway(deployed: DeployedGateway, engines: Sequence[ServingEngine], cores: Cores, setting: Setting) -> Iterator[RunningGateway]:
    if setting.pods:
        yield setting.pods.gateway(deployed, setting.steps)
        return
    with start_gateway(deployed, engines, cores, setting.folder, setting.steps) as running:
        yield running


def _measured(running: RunningGateway, engine_url: str, setting: Setting) -> _Door:
    overhead = measure_overhead(running, engine_url, setting)
    return _Door(running, model_of(running.deployed, setting.texts_seed, overhead), overhead)


@dataclass(frozen=True, slots=True)
class _Door:
    """A gateway that runs, its model, and the time that it adds."""

    running: RunningGateway
    model: GatewayModel
    overhead: Overhead


def _through_the_gateway(trial: Trial, deployed: DeployedEngines, door: _Door, engines: Sequence[ServingEngine], setting: Setting) -> Trial:
    """Add what the gateway did for the load; then send the load in which the faults are."""
    from simulations.twin import Twin

    prediction, calibration = trial.prediction, trial.calibration
    assert trial.measurement is not None, "measured before this is called"
    assert prediction is not None and calibration is not None, "predicted before anything is sent"  # noqa: PT018
    measurement = with_costs(trial.measurement, door.running.ledger, engines[0].url)
    outcome = load_outcome(prediction.records, measurement.records, door.running.deployed.first_choices, door.overhead)
    trial = replace(trial, measurement=measurement, jobs=(*trial.jobs, outcome))
    faults = of_the_load(setting.faults, door.running.deployed)
    if not faults:
        return trial
    if door.running.emulator_url is None and any(fault.kind != ENGINE for fault in faults):
        why = "no fault was injected: the stack has no emulator that could fail in a provider's place"
        return replace(trial, remarks=trial.remarks + Remarks(missing=(why,)))
    found, remarks = rehearse_faults(Twin.of(deployed, calibration, door.model), door.running, engines, faults, setting)
    return replace(trial, jobs=(*trial.jobs, found), remarks=trial.remarks + remarks)


def _nothing_measured(error: Exception, setting: Setting) -> Trial:
    setting.steps.skip("load test", str(error))
    return Trial(remarks=Remarks(missing=(f"nothing was measured: {error}",)))


def _started(deployed: DeployedEngines, door: RunningGateway | None) -> Remarks:
    engines = f"The engines: {len(deployed.replicas)} x llama.cpp on the CPU of this machine, started as the Deployment says."
    if door is None:
        return Remarks(real=(engines,), simulated=_random(deployed))
    gateway = "The gateway: a process of this machine with the deployed configuration; addresses, key and ledger are the rehearsal's."
    return Remarks(real=(engines, gateway), simulated=(*_random(deployed), *door.deployed.assumptions()))


def _in_pods(deployed: DeployedEngines, door: RunningGateway | None) -> Remarks:
    real = [f"The engine: the container of {deployed.where}, with the cores and the limits that it has there."]
    if door is not None:
        real.append("The gateway: the pod behind its Service, with the deployed configuration, key and ledger.")
    return Remarks(real=tuple(real), simulated=(*_random(deployed), *(door.deployed.assumptions() if door else ())))


def _random(deployed: DeployedEngines) -> tuple[str, ...]:
    return ("The model has random weights: its speed is real, its answers mean nothing.",) if deployed.spec.model == "synthetic" else ()


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


def _doubted(trial: Trial, calibration: Calibration, setting: Setting) -> Trial:
    """Write the coefficients to the run's folder; keep them for the next what-if, or say what the doubt is."""
    calibration.save(setting.folder / "calibration.json")
    if doubt := calibration.doubt():
        return replace(trial, remarks=trial.remarks + Remarks(missing=(f"the prediction does not count: {doubt}",)))
    keep(calibration, setting.space.calibration(setting.environment.name))
    return trial
