"""The images of the stack: what this machine has of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from sandtable.report.words.quantities import count
from sandtable.terminal.parts import bullet, grid

if TYPE_CHECKING:
    from rich.console import Console

    from sandtable.document.answers.images import ImageRow, Images

_MARKS: Final = {"made": ("✓", "good"), "missing": ("-", "unsure"), "unavailable": ("✗", "quiet")}


def show_images(document: Images, console: Console) -> None:
    """Print a line an image, then why some cannot be made."""
    table = grid("L", "L", "L", "L", "R", "R")
    table.add_row(*(Text(words, "quiet") for words in ("", "image", "version", "pinned", "MB", "unpacked")))
    for row in document.images:
        mark, style = _MARKS[row.state]
        pinned = row.reference.rpartition(":")[2]
        table.add_row(
            Text(mark, style),
            Text(row.name, "bold"),
            Text(row.version),
            Text("" if row.version and not row.differs else pinned, "unsure" if row.differs else "quiet"),
            Text(_megabytes(row.size_bytes)),
            Text(_megabytes(row.unpacked_bytes)),
        )
    console.print(table)
    console.print()
    for row in document.images:
        if row.reason:
            bullet(console, f"{row.name} cannot be made here: {row.reason}")
    console.print(_summary(document.images, document.stored_bytes))


def _summary(rows: tuple[ImageRow, ...], stored_bytes: int) -> Text:
    missing = [row.name for row in rows if row.state == "missing"]
    stored = f"{stored_bytes / 1e6:,.0f} MB stored"
    if missing:
        return Text(f"{count(len(missing), 'image')} not made yet: `sandtable images build`. {stored}.", "unsure")
    return Text(f"All images that can be made are here. {stored}.", "good")


def _megabytes(size: int | None) -> str:
    return "" if size is None else f"{size / 1e6:,.0f}"
