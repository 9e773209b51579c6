import pytest

from simulations.kernel import Timeline


def test_events_come_by_time_then_rank_then_order_of_addition() -> None:
    timeline: Timeline[str] = Timeline()
    timeline.add(2.0, "late")
    timeline.add(1.0, "second", rank=1)
    timeline.add(1.0, "third", rank=1)
    timeline.add(1.0, "first", rank=0)
    assert list(timeline) == [(1.0, "first"), (1.0, "second"), (1.0, "third"), (2.0, "late")]
    assert timeline.now_s == 2.0


def test_events_may_add_events() -> None:
    timeline: Timeline[int] = Timeline()
    timeline.add(1.0, 1)
    seen = []
    for now, event in timeline:
        seen.append(event)
        if event < 3:
            timeline.add(now + 1, event + 1)
    assert seen == [1, 2, 3]


def test_the_clock_never_goes_back() -> None:
    timeline: Timeline[int] = Timeline()
    timeline.add(5.0, 1)
    for _ in timeline:
        with pytest.raises(ValueError, match=r"at 4.0 s, and it is 5.0 s already"):
            timeline.add(4.0, 2)
