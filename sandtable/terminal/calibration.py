"""An engine's coefficients with their sources, and their errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from sandtable.report.words.quantities import figure, percent
from sandtable.terminal.parts import bullet, grid, heading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from sandtable.document.answers.calibration import ComparedLatency, EngineCalibration


def show_calibration(answer: EngineCalibration, console: Console) -> None:
    """Print the document of ``sandtable calibrate``."""
    heading(console, "coefficients", answer.subject)
    table = grid("L", "R", "L", "L", "R")
    table.add_row(*(Text(words, "quiet") for words in ("", "value", "unit", "from", "n")))
    for one in answer.coefficients:
        value = f"{one.value:.4g}" if isinstance(one.value, float) else str(one.value)
        table.add_row(one.name, value, one.unit, one.provenance, str(one.n or ""))
    console.print(table)
    if answer.median_error is not None and answer.largest_error is not None:
        bullet(console, f"experiments: off by {percent(answer.median_error)} in the median, by {percent(answer.largest_error)} at most")
    if answer.doubt:
        bullet(console, f"no prediction from these coefficients counts: {answer.doubt}", "!", "unsure")
    _compared("in-sample", "requests that the coefficients were fitted to", answer.in_sample, console)
    _compared("held out", "requests that nothing was fitted to", answer.held_out, console)


def _compared(title: str, words: str, rows: Sequence[ComparedLatency], console: Console) -> None:
    if not rows:
        return
    heading(console, title, f"{rows[0].n} {words}")
    table = grid("L", "R", "R", "R", "l")
    table.add_row(*(Text(header, "quiet") for header in ("", "predicted", "measured", "error", "")))
    for row in rows:
        table.add_row(row.name, f"{figure(row.predicted)} ms", f"{figure(row.measured)} ms", percent(row.error, signed=True), "")
    console.print(table)
