"""The time of a training job from its probe: closed forms for no kill, one, and one before the first checkpoint."""

from __future__ import annotations

import pytest

from sandtable.jobs.training.predicting import predict
from sandtable.jobs.training.running import Run

#: 2 s until it begins, 10 ms a step, 0.5 s a checkpoint, 1 s of scoring at the end.
PROBE = Run(wall_s=8.0, begins_s=2.0, kills=0, report={"work_s": 4.0, "saving_s": 1.0, "saves": 2})
STEPS = 4_000  # ten intervals of 4 s of work and 0.5 s of saving


def test_without_a_kill_it_is_the_sum_of_its_parts() -> None:
    found = predict(PROBE, 400, STEPS, [])
    assert found.wall_s == pytest.approx(2 + 40 + 5 + 1)
    assert found.overhead_share == pytest.approx(1 - 40 / 48)


def test_a_kill_costs_the_work_since_the_last_checkpoint_and_a_start() -> None:
    assert predict(PROBE, 400, STEPS, [2 + 4.5 + 3]).wall_s == pytest.approx(48 + 3 + 2)


def test_two_kills_add_up() -> None:
    first, second = 2 + 4.5 + 3, 2 + 4.5 + 3 + 2 + 4.5 + 1
    assert predict(PROBE, 400, STEPS, [second, first]).wall_s == pytest.approx(48 + 3 + 2 + 1 + 2)


def test_two_seeds_take_twice_the_work() -> None:
    assert predict(PROBE, 400, STEPS, [], seeds=2).wall_s == pytest.approx(2 + 90 + 1)
