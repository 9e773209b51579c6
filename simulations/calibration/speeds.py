"""The speed of a stack's engines by the GPU model that they run on, as a value that a sweep can send elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simulations.calibration.published import published

if TYPE_CHECKING:
    from simulations.deployed import DeployedEngines
    from simulations.serving import Speed


@dataclass(frozen=True, slots=True)
class Speeds:
    """Published figures, or for engines on CPUs ``here``, what was measured on this machine; ``pace`` times as slow, if that is asked."""

    engines: DeployedEngines
    here: Speed | None
    pace: float = 1.0

    def __call__(self, gpu_model: str | None) -> Speed:
        """Return the speed on ``gpu_model``, None for CPUs.

        Raises:
            TwinError: the engines need GPUs, and no node names its model.
            CalibrationError: nothing is published for that model.
        """
        found = self.here if gpu_model is None and self.here is not None else published(gpu_model or str(self.engines.runs_on()))
        return found if self.pace == 1 else found.paced(self.pace, "a question: what if the engine had another speed")

    def slower(self, factor: float) -> Speeds:
        """Return the speeds at which a step takes ``factor`` times as long."""
        return replace(self, pace=self.pace * factor)
