"""The engine's speed: measured before a load and after it, and kept for the next question."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from sandtable.local.engine import EngineProcess
    from sandtable.terminal import Steps
    from simulations.calibration import Calibration
    from simulations.calibration.yardstick import Lap, Yardstick
    from workloads.engine.spec import EngineSpec


@dataclass(frozen=True, slots=True)
class EngineSpeed:
    """The speed of an engine that was measured on both sides of a load.

    ``during`` are the coefficients half-way between before and after, times what the yardstick says of the load itself; ``half_way`` are
    they without the yardstick, the same where it told nothing.
    """

    half_way: Calibration
    during: Calibration


@dataclass(frozen=True, slots=True)
class Calibrator:
    """Measures one engine; the yardstick is held against the cores of that engine."""

    engine: EngineProcess
    yardstick: Yardstick
    steps: Steps

    def before_the_load(self, spec: EngineSpec) -> Calibration:
        """Measure the engine, which was started as ``spec`` says.

        Raises:
            CalibrationError: the engine died, or does not answer as it must.
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
        """Measure the engine once more; None where nothing is to be had, because it died or is too slow for a mixed load.

        ``load`` is the yardstick's lap of the load: where it says something, the speed is that of the load's time.

        Raises:
            CalibrationError: the engine does not answer as it must.
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
                step.note(f"the engine is {between.change()}; predicted anew from the speed half-way{paced}")
                return EngineSpeed(between, during)
        raise failed


def kept(file: Path, spec: EngineSpec) -> Calibration | None:
    """Return what an earlier command measured of the same engine on the same kind of machine; None where that is not there."""
    from simulations.calibration import Calibration, this_machine
    from simulations.errors import CalibrationError

    try:
        found = Calibration.load(file)
    except CalibrationError:
        return None
    return found if (found.spec, found.machine) == (replace(spec, port=0), this_machine()) and not found.doubt() else None


def keep(calibration: Calibration, file: Path) -> None:
    """Keep coefficients that nothing speaks against for the next question."""
    file.parent.mkdir(parents=True, exist_ok=True)
    replace(calibration, spec=replace(calibration.spec, port=0)).save(file)
