"""Parts that several displays share: coloured marks, headings, tables without a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from sandtable.report.words.sentences import HOLDS, VERDICTS
from sandtable.terminal_escapes import seen_lines

if TYPE_CHECKING:
    from rich.console import Console

VERDICT_STYLE: Final = {"ship": "good", "hold": "bad", "inconclusive": "unsure"}
HOLDS_STYLE: Final = {True: "good", False: "bad", None: "unsure"}


def verdict_mark(verdict: str) -> Text:
    """Return ``✓ SHIP`` in its colour."""
    word = VERDICTS[verdict]
    return Text(f"{word.mark} {word.word.upper()}", f"{VERDICT_STYLE[verdict]} bold")


def holds_mark(holds: bool | None) -> Text:
    """Return ✓, ✗ or ? in its colour."""
    return Text(HOLDS[holds].mark, HOLDS_STYLE[holds])


def heading(console: Console, words: str, note: str = "") -> None:
    """Print a blank line and a heading."""
    console.print()
    console.print(Text.assemble((words.upper(), "heading"), (f"  {note}" if note else "", "quiet")))


def grid(*alignments: str) -> Table:
    """Return a table without frame and head; ``l`` and ``r`` align a column; upper case keeps it on one line."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for alignment in alignments:
        table.add_column(
            justify="right" if alignment in "rR" else "left",
            no_wrap=alignment.isupper(),
            overflow="ellipsis" if alignment.isupper() else "fold",  # a truncated number would be a different number
        )
    return table


def bullet(console: Console, text: str, mark: str = "·", style: str = "") -> None:
    """Print one item of a list; continuation lines are indented."""
    row = Table.grid(padding=(0, 1, 0, 0))
    row.add_column(width=3, justify="right")
    row.add_column(overflow="fold")
    row.add_row(Text(mark, style), Text(seen_lines(text)))
    console.print(row)
