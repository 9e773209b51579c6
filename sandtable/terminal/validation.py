"""Published results beside those of the models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from sandtable.report.validation import digits
from sandtable.report.words.quantities import interval
from sandtable.terminal.parts import bullet, grid, heading

if TYPE_CHECKING:
    from rich.console import Console

    from sandtable.document.answers.validation import PublishedFigure, PublishedRow, Validation

_MARKS: Final = {"held": ("✓", "good"), "missed": ("✗", "bad"), "skipped": ("-", "unsure"), None: ("·", "quiet")}


def show_validation(document: Validation, console: Console) -> None:
    """Print every result with its figures, then the counts."""
    for row in document.rows:
        _show_row(row, console)
    if any(row.verdict for row in document.rows):
        console.print()
        style = "bad" if document.missed else "unsure" if document.skipped else "good"
        console.print(Text(f"{document.held} held, {document.missed} missed, {document.skipped} skipped.", style))


def _show_row(row: PublishedRow, console: Console) -> None:
    heading(console, row.id, f"{row.setup}; {row.source}")
    table = grid("L", "l", "R", "R", "R", "R", "l")
    table.add_row(*(Text(words, "quiet") for words in ("", "", "published", "got", "95 % interval", "n", "")))
    for figure in row.figures:
        table.add_row(*_cells(figure, row))
    if row.figures:
        console.print(table)
    mark, style = _MARKS[row.verdict]
    bullet(console, f"{row.verdict or 'published'}: {row.reason or row.expected}; tolerance {row.tolerance}", mark, style)
    if row.limits:
        bullet(console, f"not to be trusted for {row.limits}")


def _cells(figure: PublishedFigure, row: PublishedRow) -> tuple[Text, ...]:
    mark, style = _MARKS["held" if figure.held else "missed"]
    words = (
        figure.name,
        digits(figure.expected),
        digits(figure.got),
        "" if figure.ci95 is None else interval(figure.ci95),
        f"{figure.n:,}",
        "" if figure.tolerance == row.tolerance else figure.tolerance,
    )
    return Text(mark, style), *map(Text, words)
