"""A training job on machines whose failures are told beforehand."""

from __future__ import annotations

from collections.abc import Generator
from random import Random

import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from simulations.errors import TwinError
from simulations.kernel import Loop
from simulations.kernel.processes import ProcessEnvironment
from simulations.training import Books, CheckpointPlan, MemorylessMachines, TrainingJob, daly_wall_s, young_interval_s
from simulations.training.checkpoints import daly_interval_s
from simulations.training.fleet import Fleet, FleetSpec


class Scripted:
    """Machines that fail after given times and are replaced after ``wait_s``."""

    def __init__(self, *lives_s: float, wait_s: float = 0.0) -> None:
        self.lives_s, self.wait_s = iter(lives_s), wait_s

    def until_failure_s(self) -> float:
        return next(self.lives_s, float("inf"))

    def fail(self) -> None: ...

    def recover(self, environment: simpy.Environment) -> Generator[simpy.Event]:
        if self.wait_s:
            yield environment.timeout(self.wait_s)


def run(plan: CheckpointPlan, *lives_s: float, wait_s: float = 0.0, announced: bool = False) -> Books:
    loop = Loop()
    job = TrainingJob(plan, Scripted(*lives_s, wait_s=wait_s), announced=lambda: announced)
    job.start(ProcessEnvironment(loop))
    loop.run()
    return job.books


PLAN = CheckpointPlan(steps=10, step_s=1.0, every_steps=4, checkpoint_s=0.5, restart_s=2.0)


def test_without_failures_only_checkpoints_are_added() -> None:
    books = run(PLAN)
    assert (books.wall_s, books.worked_s, books.saving_s) == (11.5, 10, 1.5)


def test_a_failure_costs_the_work_since_the_last_checkpoint() -> None:
    books = run(PLAN, 7.0)
    assert (books.lost_s, books.restarting_s, books.failures) == (2.5, 2, 1)
    assert books.wall_s == 4.5 + 2.5 + 2 + 7  # 6 steps and 2 checkpoints are left


def test_a_failure_that_is_announced_costs_a_checkpoint_and_a_restart() -> None:
    books = run(PLAN, 7.2, announced=True)  # in the third step after the first checkpoint, which is finished
    assert (books.worked_s, books.lost_s, books.saving_s, books.restarting_s) == (10, 0, 1.5, 2)
    assert books.wall_s == books.accounted_s == 13.5


@pytest.mark.parametrize("failure_s", [0.0, 4.2, 9.9, 11.4])
def test_one_that_is_announced_during_a_checkpoint_or_at_the_end_loses_nothing(failure_s: float) -> None:
    books = run(PLAN, failure_s, announced=True)
    assert (books.worked_s, books.lost_s) == (10, 0)
    assert books.wall_s == pytest.approx(books.accounted_s)


def test_a_failure_during_a_checkpoint_makes_it_worthless() -> None:
    assert run(PLAN, 4.4).lost_s == 4.4


def test_a_failure_during_a_restart_begins_it_again() -> None:
    books = run(PLAN, 7.0, 1.5)
    assert (books.failures, books.restarting_s) == (2, 3.5)


def test_waiting_for_machines_is_a_book_of_its_own() -> None:
    books = run(PLAN, 7.0, wait_s=3.0)
    assert (books.waiting_s, books.wall_s) == (6.0, 22.0)


@settings(max_examples=60, deadline=None)
@given(
    steps=st.integers(1, 200),
    every=st.integers(1, 50),
    checkpoint_s=st.floats(0, 3),
    restart_s=st.floats(0, 5),
    lives=st.lists(st.floats(0.01, 80), max_size=12),
    wait_s=st.floats(0, 4),
)
def test_every_second_is_in_one_book(
    steps: int, every: int, checkpoint_s: float, restart_s: float, lives: list[float], wait_s: float
) -> None:
    books = run(CheckpointPlan(steps, 0.7, every, checkpoint_s, restart_s), *lives, wait_s=wait_s)
    assert books.accounted_s == pytest.approx(books.wall_s, rel=1e-9)
    assert books.worked_s == pytest.approx(steps * 0.7)


@pytest.mark.parametrize(("field", "value"), [("steps", 0), ("step_s", 0.0), ("step_s", float("nan")), ("checkpoint_s", -1.0)])
def test_an_impossible_plan_names_its_field(field: str, value: float) -> None:
    with pytest.raises(TwinError, match=field):
        CheckpointPlan(**{"steps": 1, "step_s": 1.0, "every_steps": 1, "checkpoint_s": 0.0, "restart_s": 0.0, field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mtbf_s", "checkpoint_s", "young_s", "daly_s"), [(10_800, 60, 1138.4, 1098.8), (6_480, 300, 1971.8, 1777.1), (6_480, 5, 254.6, 251.2)]
)
def test_the_best_interval(mtbf_s: float, checkpoint_s: float, young_s: float, daly_s: float) -> None:
    assert young_interval_s(checkpoint_s, mtbf_s) == pytest.approx(young_s, abs=0.05)
    best = daly_interval_s(checkpoint_s, mtbf_s)
    assert best == pytest.approx(daly_s, abs=0.05)
    assert all(daly_wall_s(1, best, checkpoint_s, 9, mtbf_s) < daly_wall_s(1, best * by, checkpoint_s, 9, mtbf_s) for by in (0.9, 1.1))


def test_the_simulation_agrees_with_daly() -> None:
    loop = Loop()
    job = TrainingJob(CheckpointPlan(4_000_000, 1.0, 1000, 60, 300), MemorylessMachines(10_800, Random(1)))
    job.start(ProcessEnvironment(loop))
    loop.run()
    assert job.books.wall_s == pytest.approx(daly_wall_s(4_000_000, 1000, 60, 300, 10_800), rel=0.02)


def test_a_fleet_without_spares_stalls_until_a_repair() -> None:
    spec = FleetSpec(active=10, standbys=1, pool=11, spares=0, failures_per_server_day=2.0, bad_share=0.2)
    loop = Loop()
    environment = ProcessEnvironment(loop)
    fleet = Fleet(spec, environment, Random(1))
    job = TrainingJob(CheckpointPlan(5 * 86_400, 1.0, 600, 5.0, 60.0), fleet)
    job.start(environment)
    loop.run()
    assert fleet.counts.stalls
    assert job.books.accounted_s == pytest.approx(job.books.wall_s, rel=1e-9)
    assert job.books.failures == fleet.counts.random_failures + fleet.counts.systematic_failures
