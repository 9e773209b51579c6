"""The interruptions of the Llama 3 405B training, by cause, and the time that they left for work."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

import simpy

from simulations.kernel import Loop, Streams
from simulations.kernel.processes import ProcessEnvironment
from simulations.training import CheckpointPlan, TrainingJob, young_interval_s
from simulations.validation.row import Figure, Row
from simulations.validation.tolerance import Tolerance, at_least

DAYS: Final = 54
GPUS: Final = 16_384
#: Unexpected interruptions in 54 days on 16,384 GPUs. The paper's percentages contradict its counts; these add up to its 419.
COUNTS: Final = {
    "Faulty GPU": 148, "GPU HBM3 memory": 72, "Software bug": 54, "Network switch or cable": 35, "Unplanned host maintenance": 32,
    "GPU SRAM memory": 19, "GPU system processor": 17, "NIC": 7, "NCCL watchdog timeout": 7, "Silent data corruption": 6,
    "GPU thermal interface and sensor": 6, "SSD": 3, "Power supply": 3, "Server chassis": 2, "IO expansion board": 2, "Dependency": 2,
    "CPU": 2, "System memory": 2,
}  # fmt: skip
#: Assumed: the paper gives neither. Training pauses for 5 s while a checkpoint is copied to the hosts, and a restart takes 10 min.
CHECKPOINT_S: Final = 5.0
RESTART_S: Final = 600.0

_FIGURES: Final = len(COUNTS) + 1


def _is_likely(figure: Figure) -> bool:
    """Whether a Poisson variable of the expected mean is as far off as ``got`` on either side with at least 2.5 %, shared by all counts."""
    mean = figure.expected
    weights = [math.exp(number * math.log(mean) - mean - math.lgamma(number + 1)) for number in range(int(figure.got) + 1)]
    below, at = math.fsum(weights), weights[-1]
    return min(below, 1 - below + at) >= 0.025 / _FIGURES


POISSON: Final = Tolerance(f"inside the exact Poisson 95 % interval for {_FIGURES} counts together", _is_likely)


@dataclass
class Herd:
    """GPUs that fail by cause, each cause a Poisson process; replaced within the restart."""

    random: Random
    failures: Counter[str] = field(default_factory=Counter)

    def until_failure_s(self) -> float:
        """Draw from the superposition of all causes, which is a Poisson process, too."""
        return self.random.expovariate(sum(COUNTS.values()) / (DAYS * 86_400))

    def fail(self) -> None:
        """Draw the cause, in proportion to the rates."""
        self.failures[self.random.choices(list(COUNTS), list(COUNTS.values()))[0]] += 1

    def recover(self, environment: simpy.Environment) -> Generator[simpy.Event]:  # noqa: ARG002  # there is nothing to wait for
        """Wait for nothing."""
        yield from ()


def measure(_: Path) -> Iterator[Figure]:
    """Yield the counts of one training of 54 days, and its effective time."""
    herd = Herd(Streams(1).stream("failures"))
    mtbf_s = DAYS * 86_400 / sum(COUNTS.values())
    interval_s = round(young_interval_s(CHECKPOINT_S, mtbf_s))
    loop = Loop()
    job = TrainingJob(CheckpointPlan(DAYS * 86_400 * 2, 1.0, interval_s, CHECKPOINT_S, RESTART_S), herd)
    job.start(ProcessEnvironment(loop))
    loop.run(until_s=DAYS * 86_400)
    yield Figure("unexpected interruptions", sum(COUNTS.values()), herd.failures.total())
    for cause, count in COUNTS.items():
        yield Figure(cause, count, herd.failures[cause])
    yield Figure(
        "effective training time, %", 90, 100 * job.books.worked_s / (DAYS * 86_400), n=herd.failures.total(), tolerance=at_least("%")
    )


ROW: Final = Row(
    id="llama3-405b",
    setup=f"{GPUS:,} H100 for {DAYS} days; one simulated training, failures by cause at the published rates, Young's interval",
    source="Llama Team, The Llama 3 Herd of Models (arXiv 2407.21783), section 3.3.4",
    expected="419 unexpected interruptions, effective training time above 90 %",
    tolerance=POISSON,
    measure=measure,
    limits="the effective time: checkpoint (5 s) and restart (10 min) are assumed, and the 47 planned interruptions are left out",
)
