"""A rehearsal in the terminal: the verdict, then the reasons, then the data behind them."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from rich.text import Text

from sandtable.report.words import bands, metrics, sentences
from sandtable.report.words.quantities import percent
from sandtable.terminal.costs import show_cost
from sandtable.terminal.parts import bullet, grid, heading, holds_mark, verdict_mark
from sandtable.terminal.policies import show_findings

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from sandtable.document.rehearsal import Rehearsal
    from sandtable.report.words.metrics import Job, Row
    from sandtable.report.words.quantities import Estimate


def show_rehearsal(rehearsal: Rehearsal, console: Console, *, report: str | None = None) -> None:
    """Print a rehearsal; ``report`` is the page named at the end."""
    _verdict(rehearsal, console)
    _thresholds(rehearsal, console)
    _comparison(rehearsal, console)
    _bands(rehearsal, console)
    for job in metrics.jobs(rehearsal):
        _job(job, console)
    if rehearsal.cost:
        show_cost(rehearsal.cost, console, buys=sentences.what_it_buys(rehearsal))
    if rehearsal.policies:
        heading(console, "policies")
        show_findings(rehearsal.policies, console)
    for words, texts in (("real", rehearsal.real), ("simulated", rehearsal.simulated)):
        if texts:
            heading(console, words)
        for text in texts:
            bullet(console, text)
    if report:
        console.print()
        console.print(Text.assemble(("report  ", "quiet"), report), soft_wrap=True)


def _verdict(rehearsal: Rehearsal, console: Console) -> None:
    console.print()
    first = grid("L", "l")
    first.add_row(verdict_mark(rehearsal.verdict), Text(sentences.headline(rehearsal), "bold"))
    console.print(first)
    for reason in rehearsal.reasons:
        bullet(console, reason.text)
    bullet(console, sentences.basis(rehearsal), " ", "quiet")


def _thresholds(rehearsal: Rehearsal, console: Console) -> None:
    lines = metrics.lines(rehearsal)
    if not lines:
        return
    heading(console, "thresholds")
    table = grid("L", "l", "L", "R", "l")
    for line in lines:
        precision = f"{line.estimate.interval} {line.estimate.size}".strip()
        table.add_row(holds_mark(line.holds), Text(line.expression), Text(line.source, "quiet"), Text(line.value), Text(precision, "quiet"))
    console.print(table)


def _comparison(rehearsal: Rehearsal, console: Console) -> None:
    rows = metrics.comparison(rehearsal)
    if not rows:
        return
    heading(console, "prediction and measurement", "to first token, per output token, to last token")
    table = _table_of_two()
    for group, members in groupby(rows, key=lambda row: row.group):
        found = list(members)
        table.add_row(
            Text(_SHORT.get(group, group), "bold"),
            *(Text(_size(found, side), "quiet") for side in ("predicted", "measured")),
        )
        for row in found:
            _add(table, f"  {_SHORT.get(row.words, row.words)}", row)
    console.print(table)


def _bands(rehearsal: Rehearsal, console: Console) -> None:
    found = list(bands.rows(rehearsal))
    if not found:
        return
    heading(console, "how far the prediction may be off", "90 % band, from engine and calibration")
    table = grid("L", "L", "R", "R", "R", "L")
    table.add_row(*(Text(words, "quiet") for words in ("", "ms", *bands.CAUSES, "measured")))
    for row in found:
        table.add_row(
            Text(row.words),
            Text(row.band),
            *(Text(cause, "quiet") for cause in (row.engine, row.calibration, row.arrivals)),
            Text({True: "inside", False: "outside", None: ""}[row.inside], "quiet"),
        )
    console.print(table)


def _job(job: Job, console: Console) -> None:
    heading(console, job.title)
    table = _table_of_two("l")  # a figure of a job may have a long name
    for row in job.rows:
        _add(table, ", ".join(filter(None, (row.words, metrics.UNIT_WORDS.get(row.unit)))), row)
    console.print(table)
    for text in job.notes:
        bullet(console, text)


def _table_of_two(first: str = "L") -> Table:
    table = grid(first, "R", "R", "L", "R", "L")
    table.add_row(*(Text(words, "quiet") for words in ("", "predicted", "measured", "95 % interval", "error", "")))
    return table


def _add(table: Table, words: str, row: Row) -> None:
    table.add_row(
        Text(words),
        Text(row.predicted.text, "predicted"),
        Text(row.measured.text, "measured"),
        Text(row.measured.interval, "quiet"),
        Text(percent(row.relative, signed=True) if row.relative is not None else ""),
        Text({True: "inside", False: "outside", None: ""}[row.within], "quiet"),
    )


_SHORT: Final = {
    "time to first token": "TTFT, ms",
    "time per output token": "TPOT, ms",
    "time to last token": "E2E, ms",
    "output tokens per second": "tokens/s",
    "utilisation of the replicas": "busy, %",
    "failed requests": "failed",
}


def _size(rows: list[Row], side: str) -> str:
    """Return ``n=478``, from the first figure of this side that is a statistic."""
    estimates: list[Estimate] = [getattr(row, side) for row in rows]
    return next((estimate.size for estimate in estimates if estimate.size), "")
