"""Attempts, with a clock that is played: only sleep passes time."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from foundation.processes import attempts as module
from foundation.processes.attempts import attempts


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses = list[float]()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: sum(pauses), sleep=pauses.append))
    return pauses


def test_attempts_end_when_the_time_is_over(slept: list[float]) -> None:
    assert len(list(attempts(1.0, 0.25))) == 5
    assert slept == [0.25] * 4


def test_nobody_sleeps_before_the_first_attempt_or_after_one_that_succeeds(slept: list[float]) -> None:
    for _ in attempts(1.0, 0.25):
        break
    assert slept == []


def test_there_is_one_attempt_without_any_time(slept: list[float]) -> None:
    assert len(list(attempts(0.0, 0.25))) == 1
    assert slept == []
