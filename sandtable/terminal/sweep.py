"""The rates that were tried, and the largest that holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from sandtable.report.words.quantities import figure, percent
from sandtable.terminal.parts import bullet, grid, heading, holds_mark

if TYPE_CHECKING:
    from rich.console import Console

    from sandtable.document.answers.sweep import RateSweep


def show_sweep(answer: RateSweep, console: Console) -> None:
    """Print the document of ``sandtable loadtest --sweep``."""
    promised = ", ".join(f"{name.removesuffix('_ms').upper()} below {limit:g} ms" for name, limit in answer.limits.items())
    heading(console, "rates", f"as promised: {promised}")
    table = grid("L", "R", "R", "R", "R", "R", "R")
    head = ("", "rate, /s", "requests", "as promised", "p95 TTFT, ms", "p95 E2E, ms", "tokens/s")
    table.add_row(*(Text(words, "quiet") for words in head))
    for point in answer.points:
        table.add_row(
            holds_mark(None if point.invalid else point.holds),
            figure(point.rate_per_s),
            figure(point.requests, "count"),
            percent(point.good_share),
            figure(point.p95_ttft_ms, "ms"),
            figure(point.p95_e2e_ms, "ms"),
            figure(point.output_tokens_per_s),
        )
    console.print(table)
    for text in sorted({reason for point in answer.points for reason in point.invalid}):
        bullet(console, text, "?", "unsure")
    console.print()
    console.print(Text(answer.sentence, "bold"))
