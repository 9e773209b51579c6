"""Where text goes: results to stdout, progress to stderr; both work on a terminal, in a file and without UTF-8.

Rule 1: colour and movement only on a terminal; ``NO_COLOR`` is obeyed (rich does both).
Rule 2: a character that the encoding lacks is replaced by one of the same width, so that columns stay aligned.
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
#: Each replacement is one character wide.
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
    """Return ``file`` itself if it can carry Unicode, or a writer that replaces characters."""
    return file if (file.encoding or "utf-8").lower().startswith("utf") else PlainFile(file)


class PlainFile:
    """Writes to a file with an encoding that lacks characters used here."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.encoding = file.encoding

    def write(self, text: str) -> int:
        """Write ``text``, replacing characters that the encoding lacks."""
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
