"""The engine's speed: measured before and after a load, and kept for the next what-if."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from sandtable.jobs.engines.serving import ServingEngine
    from sandtable.terminal import Steps
    from simulations.calibration import Calibration
    from simulations.calibration.yardstick import Lap, Yardstick
    from workloads.engine.spec import EngineSpec


@dataclass(frozen=True, slots=True)
class EngineSpeed:
    """The speed of an engine, measured before and after a load.

    ``during`` is the mean of the coefficients before and after, corrected by the yardstick's slowdown during the load. ``half_way`` is
    the mean without that correction; the two are equal if the yardstick has no result.
    """

    half_way: Calibration
    during: Calibration


@dataclass(frozen=True, slots=True)
class Calibrator:
    """Measures one engine; the yardstick runs on the cores of that engine."""

    engine: ServingEngine
    yardstick: Yardstick
    steps: Steps

    def before_the_load(self, spec: EngineSpec) -> Calibration:
        """Measure the engine, which was started with ``spec``.

        Raises:
            CalibrationError: the engine died, or its answer is malformed.
        """
        from simulations import calibration
        from simulations.errors import CalibrationError

        with self.steps.step("calibrate") as step:
            try:
                measured = calibration.calibrate(self.engine.url, spec, on_progress=step.update, lap=self.yardstick.lap)
            except CalibrationError as error:
                step.skip(str(error))
                failed = error
            else:
                step.note(measured.summary())
                return measured
        if self.engine.alive():
            raise failed
        raise CalibrationError(f"an engine died while it was calibrated: {self.engine.exit_reason()}") from failed

    def after_the_load(self, before: Calibration, load: Lap) -> EngineSpeed | None:
        """Measure the engine once more; None if it died or is too slow for a mixed load.

        ``load`` is the yardstick's lap during the load: if it has a result, the speed is corrected to that of the load's time.

        Raises:
            CalibrationError: the engine's answer is malformed.
        """
        from simulations import calibration
        from simulations.errors import CalibrationError

        if before.load_fit is None or not self.engine.alive():
            return None
        with self.steps.step("recalibrate") as step:
            try:
                between = calibration.calibrate_again(self.engine.url, before, on_progress=step.update, lap=self.yardstick.lap)
            except CalibrationError as error:
                step.skip(str(error))
                failed = error
            else:
                if between.drift is None:
                    step.skip("the engine is too slow for a mixed load")
                    return None
                during = between.at(load.mean_s)
                paced = f", times {during.pace:.3f} by the yardstick" if during.pace is not None else ""
                step.note(f"the engine is {between.change()}; predicted again from the mean speed{paced}")
                return EngineSpeed(between, during)
        raise failed


def kept(file: Path, spec: EngineSpec) -> Calibration | None:
    """Return what an earlier command measured of the same engine on the same kind of machine; None if there is no such file."""
    from simulations.calibration import Calibration, this_machine
    from simulations.errors import CalibrationError

    try:
        found = Calibration.load(file)
    except CalibrationError:
        return None
    return found if (found.spec, found.machine) == (replace(spec, port=0), this_machine()) and not found.doubt() else None


def keep(calibration: Calibration, file: Path) -> None:
    """Keep coefficients for the next question, unless there is a doubt about them."""
    file.parent.mkdir(parents=True, exist_ok=True)
    replace(calibration, spec=replace(calibration.spec, port=0)).save(file)
