"""Why pods are where they are, and requests went where they went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from sandtable.report.words.quantities import figure
from sandtable.report.words.sentences import points
from sandtable.terminal.parts import grid, heading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from sandtable.document.answers.whatif import PlacementReason, RoutedRequest

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


def show_routes(requests: Sequence[RoutedRequest], console: Console) -> None:
    """Print what each replica would have made of a request."""
    for one in requests:
        heading(console, f"why request {one.number}", f"{figure(one.at_s)} s into the run, sent to each replica with all else as it was")
        table = grid("L", "R", "R", "R", "l")
        table.add_row(*(Text(words, "quiet") for words in ("replica", "it had", "TTFT, ms", "E2E, ms", "")))
        for route in one.routes:
            went = "went there" if route.chosen else ""
            table.add_row(route.replica, f"{route.outstanding}", figure(route.ttft_ms), figure(route.e2e_ms), went)
        console.print(table)
        console.print(Text(f"Its last token came {figure(one.regret_ms)} ms later than from the best replica."))
