"""The autoscalers, decision by decision."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulations.errors import TwinError
from simulations.scaling import (
    DEFAULT_DOWN,
    Autoscaler,
    HorizontalSpec,
    PodReadings,
    Policy,
    QueueScaler,
    QueueSpec,
    Rules,
    desired_replicas,
)
from simulations.validation import check, rows


def test_the_documented_examples(tmp_path: object) -> None:
    result = check(rows()["hpa"], tmp_path)  # type: ignore[arg-type]
    assert result.reason == ""


def usage(share: float, pods: int) -> list[PodReadings]:
    return [PodReadings(1.0, [share] * pods)]


def test_rounding_of_fractions_asks_for_no_extra_pod() -> None:
    assert desired_replicas(3, PodReadings(0.7, [0.7 * 4 / 3] * 3)) == 4
    assert desired_replicas(10, PodReadings(1.0, [1.1] * 10)) == 10


def test_no_reading_asks_for_nothing() -> None:
    assert desired_replicas(3, PodReadings(1.0, [], missing=3)) is None
    assert Autoscaler(HorizontalSpec(1, 9)).replicas(15, 3, [PodReadings(1.0, [], 3)]) == 3


def test_the_metric_that_asks_for_most_wins_and_an_unknown_one_keeps_the_number_up() -> None:
    unknown = PodReadings(1.0, [], 4)
    assert Autoscaler(HorizontalSpec(1, 20)).replicas(15, 4, [*usage(1.5, 4), *usage(0.1, 4)]) == 6
    down_now = HorizontalSpec(1, 20, down=Rules((Policy("Percent", 100, 15),)))
    assert Autoscaler(down_now).replicas(15, 4, [*usage(0.1, 4), unknown]) == 4
    assert Autoscaler(down_now).replicas(15, 4, [*usage(1.5, 4), unknown]) == 6


def test_a_dip_shorter_than_the_window_changes_nothing() -> None:
    autoscaler = Autoscaler(HorizontalSpec(1, 20))
    for step in range(30):
        assert autoscaler.replicas(15.0 * step, 8, usage(1.0 if step % 10 == 0 else 0.2, 8)) == 8


def test_the_bounds_hold_and_a_number_outside_is_brought_back() -> None:
    assert Autoscaler(HorizontalSpec(2, 5)).replicas(15, 5, usage(9, 5)) == 5
    assert Autoscaler(HorizontalSpec(3, 5)).replicas(15, 1, usage(1, 1)) == 3
    with pytest.raises(TwinError, match="from 5 to 2 replicas"):
        HorizontalSpec(5, 2)


def test_zero_replicas_switch_it_off() -> None:
    assert Autoscaler(HorizontalSpec(1, 5)).replicas(15, 0, usage(1, 1)) == 0


@settings(max_examples=60, deadline=None)
@given(
    loads=st.lists(st.floats(0.01, 12), min_size=1, max_size=30),
    value=st.integers(1, 300),
    kind=st.sampled_from(["Pods", "Percent"]),
    select=st.sampled_from(["Max", "Min"]),
)
def test_no_change_is_faster_than_the_policies(loads: list[float], value: int, kind: str, select: str) -> None:
    rules = Rules((Policy(kind, value, 60),), select=select)  # type: ignore[arg-type]
    autoscaler = Autoscaler(HorizontalSpec(1, 200, rules, rules))
    numbers = [5]
    for step, load in enumerate(loads, start=1):
        numbers.append(autoscaler.replicas(15.0 * step, numbers[-1], usage(load / numbers[-1], numbers[-1])))
    for last in range(1, len(numbers)):
        start = max(numbers[max(last - 5, 0) : last])  # what was removed in the period may come back
        assert numbers[last] <= start + (value if kind == "Pods" else -(-start * value // 100))
    assert all(1 <= number <= 200 for number in numbers)


def test_a_queue_wakes_a_workload_and_lets_it_sleep_after_the_cooldown() -> None:
    scaler = QueueScaler(QueueSpec(10, HorizontalSpec(0, 50), cooldown_s=120))
    assert scaler.replicas(0, 0, 0) == 0
    assert scaler.replicas(15, 0, 35) == 1
    assert scaler.replicas(30, 1, 35) == 4
    assert scaler.replicas(45, 4, 0) == 4
    assert scaler.replicas(149, 4, 0) in {1, 4}
    assert scaler.replicas(150, 4, 0) == 0


def test_a_short_queue_below_the_activation_wakes_nothing() -> None:
    assert QueueScaler(QueueSpec(10, HorizontalSpec(0, 5), activation=5)).replicas(15, 0, 5) == 0


def test_a_queue_needs_a_target() -> None:
    with pytest.raises(TwinError, match="target 0"):
        QueueSpec(0, HorizontalSpec(0, 5, down=DEFAULT_DOWN))
