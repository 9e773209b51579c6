"""Ctrl-C is never lost, and never hides the exit code."""

from __future__ import annotations

import os
import signal
import sys
import threading

import pytest

from sandtable import app
from sandtable.exit_codes import ExitCode


class Dropped:
    """Its destructor is where the interrupt comes."""

    def __init__(self, error: type[BaseException]) -> None:
        self._error = error

    def __del__(self) -> None:
        raise self._error


def test_one_in_a_destructor_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "unraisablehook", app.interrupt_again)
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012  # the destructor and the interrupt that follows it
        Dropped(KeyboardInterrupt)
        threading.Event().wait(10)


def test_other_errors_of_a_destructor_are_shown_as_ever(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "unraisablehook", app.interrupt_again)
    Dropped(RuntimeError)
    assert "RuntimeError" in capsys.readouterr().err


@pytest.fixture
def handlers(monkeypatch: pytest.MonkeyPatch) -> dict[int, object]:
    """Signal handlers by number, as ``main`` sets them; those of the tests themselves stay."""
    found: dict[int, object] = {}
    monkeypatch.setattr(app.signal, "signal", found.__setitem__)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)  # put back in the end
    monkeypatch.setattr(sys, "argv", ["sandtable", "schema"])
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "example.com")
    return found


@pytest.mark.parametrize("second", [False, True])
def test_the_end_is_not_interrupted(monkeypatch: pytest.MonkeyPatch, handlers: dict[int, object], second: bool) -> None:
    def run(_arguments: list[str]) -> int:
        assert signal.SIGINT not in handlers
        if second:
            raise KeyboardInterrupt
        return int(ExitCode.INTERRUPTED)

    monkeypatch.setattr(app, "run", run)
    with pytest.raises(SystemExit) as end:
        app.main()
    assert end.value.code == ExitCode.INTERRUPTED
    assert "127.0.0.1" in os.environ["no_proxy"].split(",")
    assert handlers == dict.fromkeys((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), signal.SIG_IGN)


def test_under_nohup_the_terminal_may_go(monkeypatch: pytest.MonkeyPatch, handlers: dict[int, object]) -> None:
    monkeypatch.setattr(app.signal, "getsignal", lambda number: signal.SIG_IGN if number == signal.SIGHUP else signal.SIG_DFL)
    seen: list[dict[int, object]] = []
    monkeypatch.setattr(app, "run", lambda _arguments: seen.append(dict(handlers)) or 0)
    with pytest.raises(SystemExit):
        app.main()
    assert set(seen[0]) == {signal.SIGTERM}
