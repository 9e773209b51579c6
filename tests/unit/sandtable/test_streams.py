from __future__ import annotations

import io
import sys

import pytest

from sandtable import streams


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "shown"),
    [
        ({"TERM": "xterm"}, "\x1b[31mno\x1b[0m\n"),
        ({"TERM": "xterm", "NO_COLOR": "1"}, "no\n"),
        ({"TERM": "dumb"}, "no\n"),
    ],
)
def test_colour_stands_only_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], shown: str) -> None:
    for name in ("NO_COLOR", "TERM", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    streams.tell("no", err=True, colour="red")
    assert terminal.getvalue() == shown
