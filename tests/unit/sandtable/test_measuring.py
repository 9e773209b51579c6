"""What a rehearsal makes of an engine that cannot be calibrated, and when it says what it has to say of the load."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandtable.rehearsal import loop as rehearsal
from sandtable.rehearsal.engines import Cores
from sandtable.rehearsal.loop import Options, _Loop
from sandtable.workspace import Workspace
from simulations import calibration
from simulations.calibration import yardstick
from simulations.errors import CalibrationError
from stacks.environment import Environment
from stacks.pricing.prices import PriceBook


def loop(folder: Path) -> _Loop:
    return _Loop(Environment(name="dev"), Workspace(folder), Options(quiet=True), PriceBook.bundled(), folder, command="")


@pytest.mark.parametrize(
    ("alive", "reason"), [(True, "the engine is busy"), (False, "an engine died while it was calibrated: ended by signal 9")]
)
def test_an_engine_that_cannot_be_calibrated_ends_in_a_verdict(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, alive: bool, reason: str
) -> None:
    engine: Any = SimpleNamespace(url="http://engine", alive=lambda: alive, exit_reason=lambda: "ended by signal 9")

    @contextmanager
    def running(*_: Any, **__: Any) -> Iterator[list[Any]]:
        yield [engine]

    def calibrate(*_: Any, **__: Any) -> Any:
        raise CalibrationError("the engine is busy")

    monkeypatch.setattr(rehearsal, "running", running)
    monkeypatch.setattr(calibration, "calibrate", calibrate)
    monkeypatch.setattr(yardstick, "Yardstick", lambda _: nullcontext(SimpleNamespace(lap=None)))
    tried = loop(tmp_path)
    deployed: Any = SimpleNamespace(spec=SimpleNamespace(model="synthetic", slots=4, context_tokens=1024))
    tried._measure(deployed, Cores((frozenset({0}),), frozenset({1})))
    assert tried.found.missing == [f"nothing was predicted or measured: {reason}"]
    assert tried.measured is None


def test_the_first_line_tells_what_the_rehearsal_can_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Notes of the load come after it, although the load is drawn up before."""
    tried, said = loop(tmp_path), list[str]()
    (tmp_path / "t.jsonl").write_text('{"timestamp": 0, "input_length": 9000, "output_length": 3}\n')
    traffic = tried.environment.traffic.model_copy(update={"arrivals": "trace", "trace": str(tmp_path / "t.jsonl")})
    tried.environment = tried.environment.model_copy(update={"traffic": traffic})
    monkeypatch.setattr(tried.steps, "say", said.append)
    monkeypatch.setattr(tried, "_get_tools", lambda: said.append("graph mode"))
    monkeypatch.setattr(tried, "_read_graph", lambda: None)
    monkeypatch.setattr(tried, "_predict_and_measure", lambda: None)
    tried.plan()
    tried.run()
    assert said[0] == "graph mode"
    assert said[1:] == tried.found.notes
    assert len(said) > 1
