"""Where text goes: results to stdout, progress to stderr; both fit for a terminal, a file and a terminal without UTF-8.

Rule 1: colour and movement only on a terminal; ``NO_COLOR`` is obeyed (rich does both).
Rule 2: where the encoding cannot carry a sign, one of the same width stands in its place, so that columns stay columns.
"""

from __future__ import annotations

import sys
from typing import IO, Final, TextIO, cast

from rich.console import Console
from rich.theme import Theme

THEME: Final = Theme(
    {
        "good": "green",
        "bad": "bold red",
        "unsure": "yellow",
        "quiet": "dim",
        "heading": "bold",
        "predicted": "blue",
        "measured": "bold",
    }
)
#: One sign for one sign.
_PLAIN: Final = str.maketrans(
    {
        "✓": "+", "✗": "x", "±": "~", "·": "-", "—": "-", "…": ".", "≥": ">", "≤": "<", "×": "x", "→": ">",  # noqa: RUF001
        "├": "|", "└": "`", "│": "|", "─": "-", "“": '"', "”": '"', "’": "'", "µ": "u", "∞": "~",  # noqa: RUF001
    }
)  # fmt: skip


def out() -> Console:
    """Return a console for results."""
    return _console(sys.stdout)


def progress() -> Console:
    """Return a console for progress and messages."""
    return _console(sys.stderr)


def _console(file: TextIO) -> Console:
    return Console(file=cast("IO[str]", fitting(file)), theme=THEME, highlight=False, emoji=False)


def fitting(file: TextIO) -> TextIO | PlainFile:
    """Return ``file`` itself where it can carry Unicode, else a writer that replaces what it cannot."""
    return file if (file.encoding or "utf-8").lower().startswith("utf") else PlainFile(file)


class PlainFile:
    """Writes to a file whose encoding lacks the signs used here."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.encoding = file.encoding

    def write(self, text: str) -> int:
        """Write ``text`` with every sign replaced that the encoding lacks."""
        return self._file.write(text.translate(_PLAIN).encode(self.encoding, "replace").decode(self.encoding))

    def flush(self) -> None:
        """Flush the file."""
        self._file.flush()

    def isatty(self) -> bool:
        """Tell whether the file is a terminal."""
        return self._file.isatty()

    def fileno(self) -> int:
        """Return the number of the file."""
        return self._file.fileno()
