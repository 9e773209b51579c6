"""The checks of a deployed stack: one line each with its mark, and what was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from sandtable.report.words.sentences import OUTCOMES
from sandtable.terminal.parts import grid, heading
from sandtable.terminal_escapes import seen_lines

if TYPE_CHECKING:
    from rich.console import Console

    from sandtable.document.answers.verification import Verification

_STYLES: Final = {"passed": "good", "failed": "bad", "unknown": "unsure", "absent": "quiet", None: "quiet"}


def show_verification(document: Verification, console: Console) -> None:
    """Print the checks by part, then the counts."""
    for part in dict.fromkeys(one.part for one in document.checks):
        heading(console, part)
        table = grid("L", "l", "l")
        for one in document.checks:
            if one.part == part:
                words = one.text or f"{one.proves}; control: {one.control}{' (drill)' if one.kind == 'drill' else ''}"
                table.add_row(Text(OUTCOMES[one.outcome].mark, _STYLES[one.outcome]), one.name, Text(seen_lines(words)))
        console.print(table)
    if any(one.outcome for one in document.checks):
        console.print()
        style = "bad" if document.failed else "unsure" if document.unknown else "good"
        console.print(Text(document.sentence, style))
