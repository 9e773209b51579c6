from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from sandtable.terminal.console import THEME
from sandtable.terminal.progress.steps import Steps
from toolchain.installing.progress import BuildProgress


class Clock:
    """A clock that the test moves, and the calls that were put off."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waiting: list[tuple[float, Callable[[], None]]] = []
        self.cancelled = 0

    def __call__(self) -> float:
        return self.now

    def later(self, delay_s: float, call: Callable[[], None]) -> Clock:
        self.waiting.append((self.now + delay_s, call))
        return self

    def cancel(self) -> None:
        self.cancelled += 1
        self.waiting.clear()

    def move(self, seconds: float) -> None:
        self.now += seconds
        due = [call for at, call in self.waiting if at <= self.now]
        self.waiting = [(at, call) for at, call in self.waiting if at > self.now]
        for call in due:
            call()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def steps_on(clock: Clock, *, terminal: bool = False, quiet: bool = False, width: int = 80) -> tuple[Steps, io.StringIO]:
    file = io.StringIO()
    console = Console(file=file, theme=THEME, width=width, force_terminal=terminal, color_system=None, highlight=False)
    return Steps(console=console, clock=clock, later=clock.later, quiet=quiet), file


def test_a_step_is_one_line_with_its_time(clock: Clock) -> None:
    steps, file = steps_on(clock)
    with steps.step("deploy") as step:
        clock.move(19.04)
        step.note("41 created")
    (line,) = file.getvalue().splitlines()
    assert line.startswith("✓ deploy         41 created")
    assert line.endswith(" 19.0 s")
    assert [timing.model_dump() for timing in steps.timings()] == [
        {"step": "deploy", "seconds": 19.04, "status": "done", "note": "41 created"}
    ]


@pytest.mark.parametrize(("took", "lines"), [(1.9, 0), (2.1, 1)])
def test_a_brief_step_is_only_told_where_it_lasted(clock: Clock, took: float, lines: int) -> None:
    steps, file = steps_on(clock)
    with steps.step("graph", brief=True):
        clock.move(took)
    assert len(file.getvalue().splitlines()) == lines


def test_a_skipped_step_gives_its_reason(clock: Clock) -> None:
    steps, file = steps_on(clock)
    steps.skip("load test", "go is missing")
    assert file.getvalue().split() == ["-", "load", "test", "go", "is", "missing"]
    assert steps.timings()[0].status == "skipped"


@pytest.mark.parametrize(("error", "note"), [(ValueError("boom"), "failed"), (KeyboardInterrupt(), "interrupted")])
def test_a_step_that_fails_is_marked_and_the_error_goes_on(clock: Clock, error: BaseException, note: str) -> None:
    steps, file = steps_on(clock)
    with pytest.raises(type(error)), steps.step("deploy"):
        raise error
    assert file.getvalue().startswith(f"✗ deploy         {note}")
    assert steps.timings()[0].model_dump() == {"step": "deploy", "seconds": 0.0, "status": "failed", "note": note}


def test_quiet_shows_nothing_and_keeps_the_times(clock: Clock) -> None:
    steps, file = steps_on(clock, terminal=True, quiet=True)
    with steps.step("deploy") as step:
        clock.move(60)
        step.update(1, 2, "Deployment ai/ai-stack")
    steps.say("hello")
    steps.skip("down", "kept")
    assert file.getvalue() == ""
    assert [timing.step for timing in steps.timings()] == ["deploy", "down"]


@pytest.mark.parametrize("terminal", [False, True])
def test_where_no_line_can_move_a_long_step_gives_news_now_and_then(clock: Clock, monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    monkeypatch.setenv("TERM", "dumb")
    steps, file = steps_on(clock, terminal=terminal)
    with steps.step("deploy") as step:
        for done in range(100):
            clock.move(1)
            step.update(done, 100, "resources")
    lines = file.getvalue().splitlines()
    assert lines[:3] == ["deploy: 29 of 100 resources", "deploy: 59 of 100 resources", "deploy: 89 of 100 resources"]
    assert len(lines) == 4


def test_a_quick_step_never_moves_on_a_terminal(clock: Clock) -> None:
    steps, file = steps_on(clock, terminal=True)
    with steps.step("graph") as step:
        step.update(1, 2, "half")
        clock.move(1.9)
    assert "half" not in file.getvalue()
    assert clock.cancelled == 1


def test_a_long_step_shows_a_bar_on_a_terminal_and_takes_it_away(clock: Clock) -> None:
    steps, file = steps_on(clock, terminal=True)
    with steps.step("deploy") as step:
        step.update(20, 41, "Deployment ai/ai-stack")
        clock.move(2.5)
    shown = file.getvalue()
    assert "20/41 Deployment ai/ai" in shown
    assert shown.rstrip().endswith("2.5 s")
    assert "\x1b[?25h" in shown  # the cursor is back


def test_builds_show_a_row_each_on_a_terminal(clock: Clock) -> None:
    steps, file = steps_on(clock, terminal=True)
    with steps.step("tools"), steps.builds() as listen:
        listen(BuildProgress("etcd", "running", 10, 60, 0.25))
        listen(BuildProgress("kwok", "waiting", 0, 60, 0.0))
        listen(BuildProgress("etcd", "done", 50, 60, 1.0))
    shown = file.getvalue()
    assert "another process builds it" in shown
    assert "✓ etcd: done after 50 s" in shown


def test_builds_are_plain_lines_elsewhere(clock: Clock) -> None:
    steps, file = steps_on(clock)
    with steps.builds() as listen:
        listen(BuildProgress("etcd", "planned", 0, 60, 0.0))
        listen(BuildProgress("etcd", "done", 50, 60, 1.0))
    assert file.getvalue().splitlines() == ["etcd: about 1 min 0 s", "etcd: done in 50 s"]


def test_a_long_note_is_folded_not_cut(clock: Clock) -> None:
    steps, file = steps_on(clock, width=60)
    with steps.step("cluster") as step:
        step.note("nodes and pods are simulated by KWOK; the control plane is real")
    assert "".join(file.getvalue().split()).count("simulatedbyKWOK") == 1
    assert max(map(len, file.getvalue().splitlines())) <= 60


def test_nothing_is_written_to_stdout(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    steps = Steps(clock=clock, later=clock.later)
    with steps.step("graph"):
        pass
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "graph" in captured.err
