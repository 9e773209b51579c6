"""The time of a training job from the phases of its probe: closed forms for no strike, kills, evictions, several phases."""

from __future__ import annotations

import pytest

from foundation.training.phases import Phase
from sandtable.jobs.training.predicting import predict
from sandtable.jobs.training.strikes import Strike

#: 10 ms a step, 0.5 s a checkpoint, 1 s of judging.
PROBED = Phase("seed 0", steps=400, every_steps=200, work_s=4.0, saving_s=1.0, saves=2, judging_s=1.0)
BEGINS_S = 2.0
#: Ten intervals of 4 s of work and 0.5 s of saving, and the judging: 2 + 45 + 1 = 48 s.
WHOLE = PROBED.scaled(4_000, 400)


def test_without_a_strike_it_is_the_sum_of_its_parts() -> None:
    found = predict(BEGINS_S, [WHOLE], [])
    assert found.wall_s == pytest.approx(48)
    assert found.overhead_share == pytest.approx(1 - 41 / 48)


def test_a_kill_costs_the_work_since_the_last_checkpoint_and_a_start() -> None:
    assert predict(BEGINS_S, [WHOLE], [Strike(2 + 4.5 + 3)]).wall_s == pytest.approx(48 + 3 + 2)


def test_an_eviction_costs_a_checkpoint_and_a_start() -> None:
    found = predict(BEGINS_S, [WHOLE], [Strike(2 + 4.5 + 3, notice=True)])
    # One more checkpoint than without: 3 s of work are saved, eight whole intervals follow, and one of 1 s.
    assert found.wall_s == pytest.approx(48 + 0.5 + 2)


def test_two_kills_add_up() -> None:
    first, second = 2 + 4.5 + 3, 2 + 4.5 + 3 + 2 + 4.5 + 1
    assert predict(BEGINS_S, [WHOLE], [Strike(second), Strike(first)]).wall_s == pytest.approx(48 + 3 + 2 + 1 + 2)


def test_a_kill_before_it_has_begun_costs_the_start_so_far() -> None:
    assert predict(BEGINS_S, [WHOLE], [Strike(1.5)]).wall_s == pytest.approx(48 + 1.5)


def test_a_kill_in_the_second_phase_repeats_the_judging_of_the_first() -> None:
    whole_s = 2 + 2 * 46
    assert predict(BEGINS_S, [WHOLE, WHOLE], []).wall_s == pytest.approx(whole_s)
    assert predict(BEGINS_S, [WHOLE, WHOLE], [Strike(48 + 3)]).wall_s == pytest.approx(whole_s + 3 + 2 + 1)


def test_judging_that_is_killed_begins_again() -> None:
    assert predict(BEGINS_S, [Phase("original", judging_s=5.0)], [Strike(5)]).wall_s == pytest.approx(7 + 3 + 2)
