"""Why pods are where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from sandtable.report.words.quantities import figure
from sandtable.report.words.sentences import points
from sandtable.terminal.parts import grid, heading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from sandtable.document.answers.whatif import PlacementReason

_MOST: Final = 8


def show_reasons(reasons: Sequence[PlacementReason], console: Console) -> None:
    """Print the candidates for each pod, and the sentence on its nearest alternative."""
    for one in reasons:
        heading(console, f"why {one.pod}", "kube-scheduler's scores with their weights, all other pods where they are")
        table = grid("L", "L", "R", "l")
        for candidate in one.candidates[:_MOST]:
            name = Text(candidate.node, "bold" if candidate.node == one.node else "")
            table.add_row(name, candidate.zone, figure(candidate.total, "count"), candidate.refusal or points(candidate.scores))
        console.print(table)
        if len(one.candidates) > _MOST:
            console.print(Text(f"and {len(one.candidates) - _MOST} more nodes", "quiet"))
        console.print(Text(one.words))
