from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulations.calibration import Calibration
from simulations.serving.micro_batches import Row
from simulations.serving.step_times import StepTimes

Build = Callable[..., Calibration]


def test_compute_is_linear_between_the_calibrated_sizes_and_beyond(calibration: Build) -> None:
    times = StepTimes(calibration(compute={1: 1.0, 3: 2.0, 10: 9.0}))
    assert [times.compute_s(n) for n in (1, 2, 3, 6, 10, 12)] == pytest.approx([1.0, 1.5, 2.0, 5.0, 9.0, 11.0])


def test_a_step_is_the_sum_of_its_causes(calibration: Build) -> None:
    times = StepTimes(calibration())
    seconds, coldness = times.step([Row(0, 1, 100), Row(1, 64, 0)], coldness=0.0)
    # Two micro-batches: one token of each slot, then the other 63 of the prompt.
    first = 0.0013 + 2e-6 * 100
    second = times.compute_s(63) + 5e-7 * 63 * (1 + 63 / 2)
    assert seconds == pytest.approx(2 * 0.0002 + first + second)
    assert 0.9 < coldness < 1.0


def test_after_a_prompt_generating_is_slower_for_some_steps(calibration: Build) -> None:
    times = StepTimes(calibration(decode_context_s=0.0))
    _, coldness = times.step([Row(0, 512, 0)], 0.0)
    taken = []
    for _ in range(3):
        seconds, coldness = times.step([Row(0, 1, 512)], coldness)
        taken.append(seconds)
    assert taken == pytest.approx([0.003, 0.002, 0.0015], rel=1e-3)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(slots=st.sets(st.integers(0, 7), min_size=1), steps=st.integers(0, 60), coldness=st.floats(0, 1))
def test_many_steps_at_once_take_as_long_as_one_by_one(calibration: Build, slots: set[int], steps: int, coldness: float) -> None:
    times = StepTimes(calibration())
    numbers = tuple(sorted(slots))
    pace = times.generation(numbers, 50 * len(numbers), coldness)
    total, left = 0.0, coldness
    for step in range(steps):
        seconds, left = times.step([Row(slot, 1, 50 + step) for slot in numbers], left)
        total += seconds
    assert pace.seconds(steps) == pytest.approx(total, rel=1e-9)
    assert coldness * pace.left**steps == pytest.approx(left, abs=1e-12)
    assert pace.steps_within(total + 1e-9, 100) == steps
