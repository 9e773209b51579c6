"""The answer of a sweep, in words and as a table."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rich.console import Console

from foundation.measures.goodput import Limits
from sandtable.document.answers.sweep import RateSweep
from sandtable.jobs.sweep import Point, Sweep
from sandtable.terminal.sweep import show_sweep


def point(rate_per_s: float, good_share: float, *invalid: str) -> Point:
    return Point(rate_per_s, 100, good_share, 120.0, 900.0, 300.0, invalid)


@pytest.mark.parametrize(
    ("points", "holds", "sentence"),
    [
        ((point(8.0, 1.0), point(12.0, 0.6)), True, "Holds 8 requests a second; 8 are wanted."),
        ((point(8.0, 1.0),), True, "Holds at least 8 requests a second; 8 are wanted."),
        (
            (point(4.0, 1.0), point(8.0, 0.6)),
            False,
            "Holds 4 requests a second, and 8 are wanted: at 8 only 60% of the requests were served as promised.",
        ),
        ((point(8.0, 1.0, "the generator sent late"),), False, "No rate was measured: the generator sent late."),
        ((point(1.0, 0.1),), False, "No rate held."),
    ],
)
def test_the_answer_is_one_sentence(points: tuple[Point, ...], holds: bool, sentence: str, console: Callable[..., Console]) -> None:
    answer = RateSweep.found(Sweep(points, Limits(ttft_ms=400.0)), environment="dev", wanted_per_s=8.0)
    assert (answer.holds, answer.sentence) == (holds, sentence)
    screen = console(100)
    show_sweep(answer, screen)
    shown = " ".join(screen.file.getvalue().split())  # type: ignore[attr-defined]
    assert "as promised: TTFT below 400 ms" in shown
    assert sentence in shown
