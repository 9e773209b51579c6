"""The wall time of a job with checkpoints, against the closed forms of Young and Daly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from simulations.kernel import Loop, Streams
from simulations.kernel.processes import ProcessEnvironment
from simulations.statistics import replicate
from simulations.training import CheckpointPlan, MemorylessMachines, TrainingJob, daly_wall_s, young_interval_s
from simulations.training.checkpoints import daly_interval_s
from simulations.validation.row import Figure, Row
from simulations.validation.tolerance import relative

#: Mean time between failures, checkpoint and restart, in seconds.
SETUPS: Final = ((10_800.0, 60.0, 300.0), (28_440.0, 60.0, 300.0), (6_480.0, 300.0, 600.0))
WORK_S: Final = 54 * 86_400
#: The half-width at which replications end, so that the tolerance of 0.5 % is not spent on noise.
PRECISION: Final = 0.001
#: Seconds between checkpoints at their best, printed to four digits.
PUBLISHED_YOUNG_S: Final = (1_138.4, 1_847.0, 1_972.0)
PUBLISHED_DALY_S: Final = (1_098.8, 1_808.0, 1_777.0)


def wall_s(interval_s: int, checkpoint_s: float, restart_s: float, mtbf_s: float, seed: int) -> tuple[float, float]:
    """Return how long the job takes, and the work it was about; whole intervals only, as the closed form has no rest."""
    intervals = round(WORK_S / interval_s)
    loop = Loop()
    job = TrainingJob(
        CheckpointPlan(intervals * interval_s, 1.0, interval_s, checkpoint_s, restart_s),
        MemorylessMachines(mtbf_s, Streams(seed).stream("failures")),
    )
    job.start(ProcessEnvironment(loop))
    loop.run()
    return job.books.wall_s, job.books.worked_s


def measure_daly(_: Path) -> Iterator[Figure]:
    """Yield the wall time as a multiple of the work, at both intervals and at three times Young's."""
    for (mtbf_s, checkpoint_s, restart_s), best_s in zip(SETUPS, PUBLISHED_DALY_S, strict=True):
        for interval_s in (round(best_s), round(young_interval_s(checkpoint_s, mtbf_s)), 3_600):
            expected = daly_wall_s(1.0, interval_s, checkpoint_s, restart_s, mtbf_s)

            def run(number: int, setup: tuple[int, float, float, float] = (interval_s, checkpoint_s, restart_s, mtbf_s)) -> list[float]:
                wall, work = wall_s(*setup, seed=number)
                return [wall / work]

            (found,) = replicate(run, precision=PRECISION, fewest=30, most=300)
            yield Figure.estimated(f"MTBF {mtbf_s / 3600:g} h, checkpoint every {interval_s} s: wall / work", expected, found)


def measure_young(_: Path) -> Iterator[Figure]:
    """Yield the best intervals."""
    for (mtbf_s, checkpoint_s, _restart), young_s, daly_s in zip(SETUPS, PUBLISHED_YOUNG_S, PUBLISHED_DALY_S, strict=True):
        yield Figure(f"MTBF {mtbf_s / 3600:g} h, checkpoint {checkpoint_s:g} s: Young, s", young_s, young_interval_s(checkpoint_s, mtbf_s))
        yield Figure(f"MTBF {mtbf_s / 3600:g} h, checkpoint {checkpoint_s:g} s: Daly, s", daly_s, daly_interval_s(checkpoint_s, mtbf_s))


ROWS: Final = (
    Row(
        id="daly",
        setup="54 days of work; MTBF 3, 7.9 and 1.8 h, checkpoints of 60 or 300 s, restarts of 300 or 600 s; event simulation",
        source="J. T. Daly, A Higher Order Estimate of the Optimum Checkpoint Interval for Restart Dumps, FGCS 22 (2006)",
        expected="closed form",
        tolerance=relative(0.005),
        measure=measure_daly,
    ),
    Row(
        id="young",
        setup="the same three set-ups: the interval with the least overhead",
        source="J. W. Young, A First Order Approximation to the Optimum Checkpoint Interval, CACM 17 (1974)",
        expected="1,138.4 s at an MTBF of 3 h",
        tolerance=relative(0.005),
        measure=measure_young,
    ),
)
