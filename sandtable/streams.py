"""The standard streams as they may be: closed, full, left by their reader, or without Unicode.

Rule: a stream that fails must neither hide the exit code nor end in a traceback, whatever the command.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO

import typer


def prepare() -> None:
    """Put an empty stream where one is closed, and let stdout write ``?`` for a sign that its encoding lacks."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115  # open as long as the process
    with suppress(AttributeError):  # a stream that a test put there
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]


def tell(text: str, *, err: bool = False, colour: str | None = None) -> None:
    """Write one line; a stream that takes no more is given up, so that Python's own last flush of it cannot fail either."""
    stream = sys.stderr if err else sys.stdout
    try:
        typer.secho(text, err=err, fg=colour)
    except OSError:
        _give_up(stream)


def _give_up(stream: TextIO) -> None:
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
