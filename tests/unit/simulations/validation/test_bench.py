"""A row that measures a real program, on a bench whose programs are simulated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from foundation.measures.outcome import Outcome
from simulations.calibration.yardstick import Lap
from simulations.twin import Twin
from simulations.validation import UnavailableError, check, rows
from stacks.traffic import PlannedRequest


class Engine:
    """Measures what the twin says of an engine that is ``slower``."""

    url = "http://127.0.0.1:1"

    def __init__(self, calibration: Any, spec: Any, slower: float, disturbed: int) -> None:
        self.spec, self._real, self._disturbed = spec, calibration(spec=spec).paced(slower, "test"), disturbed

    @contextmanager
    def lap(self) -> Iterator[Lap]:
        yield Lap()

    def send(self, plan: Sequence[PlannedRequest], *, seed: int) -> Outcome:
        if self._disturbed:
            self._disturbed -= 1
            raise UnavailableError("a measurement does not count")
        return Twin(("a",), self.spec, self._real).run(plan, seed=seed).outcome


class Bench:
    def __init__(self, calibration: Any, slower: float = 1.0, error: Exception | None = None, disturbed: int = 0) -> None:
        self._calibration, self._slower, self._error, self._disturbed = calibration, slower, error, disturbed

    @contextmanager
    def engine(self, spec: Any, *, layers: int, width: int) -> Iterator[Engine]:
        if self._error:
            raise self._error
        yield Engine(self._calibration, spec, self._slower, self._disturbed)


@pytest.fixture(autouse=True)
def _calibrated(monkeypatch: pytest.MonkeyPatch, calibration: Any) -> None:
    place = "simulations.validation.published.serving.engine"
    monkeypatch.setattr(f"{place}.calibrate", lambda _url, spec, **_: calibration(spec=spec))
    monkeypatch.setattr(f"{place}.calibrate_again", lambda _url, before, **_: before)
    monkeypatch.setattr(f"{place}.SECONDS", 5.0)


def test_without_a_bench_it_is_skipped(tmp_path: Path) -> None:
    assert check(rows()["engine"], tmp_path).verdict == "skipped"


def test_an_engine_that_is_as_calibrated_holds(tmp_path: Path, calibration: Any) -> None:
    result = check(rows()["engine"], tmp_path, Bench(calibration))
    assert (result.verdict, len(result.figures)) == ("held", 18)


def test_an_engine_that_is_slower_than_calibrated_is_missed(tmp_path: Path, calibration: Any) -> None:
    assert check(rows()["engine"], tmp_path, Bench(calibration, slower=1.5)).verdict == "missed"


@pytest.mark.parametrize(("disturbed", "verdict"), [(2, "held"), (3, "skipped")])
def test_a_load_that_does_not_count_is_sent_again_at_most_twice(tmp_path: Path, calibration: Any, disturbed: int, verdict: str) -> None:
    assert check(rows()["engine"], tmp_path, Bench(calibration, disturbed=disturbed)).verdict == verdict


def test_an_engine_that_does_not_start_is_skipped_with_the_reason(tmp_path: Path, calibration: Any) -> None:
    result = check(rows()["engine-second-size"], tmp_path, Bench(calibration, error=UnavailableError("no cores")))
    assert (result.verdict, result.reason) == ("skipped", "no cores")
