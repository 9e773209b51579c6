"""What a rehearsal has to know of each training program: a short probe of it, its phases at full length, and its figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

from foundation.measures import JobFigure
from foundation.training.phases import Phase
from workloads.compression.spec import CompressionSpec
from workloads.reinforcement.spec import CHECKPOINT_SHARE, ReinforcementSpec

_PROBED_SHARE: Final = 20
_LEAST_PROBE: Final = 2_048
_LEAST_STEPS: Final = 10


class Program(Protocol):
    """One program with the arguments of a Job."""

    @property
    def module(self) -> str:
        """Return what ``python -m`` runs."""

    def args(self, out: Path) -> list[str]:
        """Return the arguments of the job with the folder ``out``."""

    def probe_args(self, out: Path) -> list[str]:
        """Return those of the probe."""

    def whole(self, probed: Sequence[Phase]) -> list[Phase]:
        """Return the phases of the job, from those of the probe."""

    def figures(self, probe: Mapping[str, Any], report: Mapping[str, Any]) -> tuple[JobFigure, ...]:
        """Return the figures of a report; what the probe's report tells beforehand is predicted."""

    def says(self, report: Mapping[str, Any]) -> str:
        """Return what came out, for one line."""


@dataclass(frozen=True, slots=True)
class Reinforcement:
    """A twentieth of the steps of one seed is probed."""

    spec: ReinforcementSpec
    module: str = "workloads.reinforcement"

    def args(self, out: Path) -> list[str]:
        """Return the arguments of the job with the folder ``out``."""
        return replace(self.spec, out=str(out), metrics_address=None).to_args()

    def probe_args(self, out: Path) -> list[str]:
        """Return those of the probe."""
        steps = min(self.spec.steps, max(_LEAST_PROBE, self.spec.steps // _PROBED_SHARE))
        return replace(self.spec, steps=steps, seeds=1, out=str(out), metrics_address=None).to_args()

    def whole(self, probed: Sequence[Phase]) -> list[Phase]:
        """Return a phase for each seed."""
        return [probed[0].scaled(self.spec.steps, max(1, self.spec.steps // CHECKPOINT_SHARE))] * self.spec.seeds

    def figures(self, probe: Mapping[str, Any], report: Mapping[str, Any]) -> tuple[JobFigure, ...]:  # noqa: ARG002  # too short to tell a reward
        """Return the median reward over the seeds."""
        words = f"reward of {self.spec.algorithm} in {self.spec.environment}"
        return (JobFigure("rl_reward", words, "", None, report["median"], len(report["scores"])),)

    def says(self, report: Mapping[str, Any]) -> str:
        """Return the median reward."""
        return f"{self.spec.algorithm} in {self.spec.environment}: {report['median']:.4g}"


@dataclass(frozen=True, slots=True)
class Compression:
    """A twentieth of the steps of each stage is probed; sizes do not depend on the steps, so the ratio is known from it."""

    spec: CompressionSpec
    module: str = "workloads.compression"

    def args(self, out: Path) -> list[str]:
        """Return the arguments of the job with the folder ``out``."""
        return replace(self.spec, out=str(out), metrics_address=None).to_args()

    def probe_args(self, out: Path) -> list[str]:
        """Return those of the probe."""
        spec = self.spec
        steps, distil_steps, lora_steps = map(_fewer, (spec.steps, spec.distil_steps, spec.lora_steps))
        return replace(spec, steps=steps, distil_steps=distil_steps, lora_steps=lora_steps, out=str(out), metrics_address=None).to_args()

    def whole(self, probed: Sequence[Phase]) -> list[Phase]:
        """Return the same phases with all their steps."""
        full = {"train": self.spec.steps, "distil": self.spec.distil_steps, "lora": self.spec.lora_steps}
        return [phase.scaled(full[phase.name.rpartition("-")[2]], phase.every_steps) if phase.steps else phase for phase in probed]

    def figures(self, probe: Mapping[str, Any], report: Mapping[str, Any]) -> tuple[JobFigure, ...]:
        """Return ratio and loss of the last stage."""
        expected, last = probe["stages"][-1], report["stages"][-1]
        return (
            JobFigure("compression_ratio", f"ratio after {last['stage']}", "", expected["ratio"], last["ratio"], 1),
            JobFigure("compression_loss", "more bits per byte of unseen text", "share", None, last["loss"], 1),
        )

    def says(self, report: Mapping[str, Any]) -> str:
        """Return ratio and loss of the last stage."""
        last = report["stages"][-1]
        return f"{last['stage']}: {last['ratio']:.2f} times smaller, {last['loss']:+.1%} bits per byte"


def _fewer(steps: int) -> int:
    return min(steps, max(_LEAST_STEPS, steps // _PROBED_SHARE))


#: Name of the container → what reads its arguments.
PROGRAMS: Final[Mapping[str, Callable[[Sequence[str]], Program]]] = {
    "reinforcement": lambda args: Reinforcement(ReinforcementSpec.from_args(args)),
    "compression": lambda args: Compression(CompressionSpec.from_args(args)),
}
