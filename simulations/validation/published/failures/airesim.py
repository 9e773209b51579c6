"""A 256-day job on 4,096 servers with standbys, spares and repairs, against AIReSim's own figures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from simulations.kernel import Loop, Streams
from simulations.kernel.processes import ProcessEnvironment
from simulations.statistics import interval
from simulations.training import CheckpointPlan, TrainingJob
from simulations.training.fleet import Fleet, FleetSpec
from simulations.validation.row import Figure, Row
from simulations.validation.tolerance import REPORTED, relative

REPLICATIONS: Final = 30
DAYS: Final = 256
#: AIReSim loses no work, only time: here a step of 10 ms with a free checkpoint after each.
PLAN: Final = CheckpointPlan(steps=DAYS * 86_400 * 100, step_s=0.01, every_steps=1, checkpoint_s=0.0, restart_s=0.0)
#: What decides, and what is shown.
PUBLISHED: Final = {"wall time, h": 9_865.97, "effective share (ETR)": 0.6228, "failures": 11_145.6}
SHOWN: Final = {
    "random failures": 10_457.0,
    "systematic failures": 688.6,
    "host selections": 42.9,
    "preemptions": 13.9,
    "escalations": 8_922.9,
}


def run(seed: int) -> dict[str, float]:
    """Run one job; return its figures by name."""
    loop = Loop()
    environment = ProcessEnvironment(loop)
    fleet = Fleet(FleetSpec(), environment, Streams(seed).stream("fleet"))
    job = TrainingJob(PLAN, fleet)
    job.start(environment)
    loop.run()
    books, counts = job.books, fleet.counts
    return {
        "wall time, h": books.wall_s / 3600,
        "effective share (ETR)": books.effective_share,
        "failures": books.failures,
        "random failures": counts.random_failures,
        "systematic failures": counts.systematic_failures,
        "host selections": counts.selections,
        "preemptions": counts.preemptions,
        "escalations": counts.escalations,
    }


def measure(_: Path) -> Iterator[Figure]:
    """Yield the means over the replications."""
    runs = [run(seed) for seed in range(REPLICATIONS)]
    for name, expected in (PUBLISHED | SHOWN).items():
        found = interval([figures[name] for figures in runs])
        yield Figure(name, expected, found.mean, found.n, found.low, found.high, None if name in PUBLISHED else REPORTED)


ROW: Final = Row(
    id="airesim",
    setup="4,096 servers and 16 standbys, pool of 4,160 and 200 spares, 256 days of work, 0.01 failures a server and day, 15 % bad",
    source="AIReSim (arXiv 2603.07041), published defaults, 30 replications",
    expected="9,865.97 h (95 % interval 9,853 to 9,879), ETR 0.6228, 11,145.6 failures",
    tolerance=relative(0.005),
    measure=measure,
)
