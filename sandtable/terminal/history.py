"""The history of an environment: a line an entry, then how each figure has moved."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from rich.text import Text

from sandtable.report.words.quantities import ABSENT, Estimate, count, figure, percent, seconds, usd
from sandtable.report.words.trends import TREND_WORDS, written
from sandtable.terminal.parts import bullet, grid, heading, verdict_mark
from sandtable.terminal_escapes import seen

if TYPE_CHECKING:
    from rich.console import Console

    from sandtable.document.answers.history import Entry, History


def show_history(history: History, console: Console) -> None:
    """Print the document of ``sandtable history``."""
    heading(console, f"history of {seen(history.environment)}", "UTC; p95 TTFT in ms [95 % interval], error of the predicted p50 TTFT")
    table = grid("L", "L", "l", "R", "R", "R")
    table.add_row(*(Text(words, "quiet") for words in ("", "", "p95 TTFT", "error", "USD a month", "tokens/s")))
    for entry in history.entries:
        table.add_row(Text(_when(entry.at), "quiet"), *(_rehearsed(entry) if entry.verdict else _changed(entry)))
    console.print(table)
    if history.earlier:
        bullet(console, f"{count(history.earlier, 'older entry', 'older entries')} left out by --last")
    if history.unreadable:
        text = f"{count(history.unreadable, 'entry', 'entries')} cannot be read by this version; a newer one may"
        bullet(console, text, "!", "unsure")
    if history.trends:
        heading(console, "trends", "over the entries above that have the figure")
        trends = grid("L", "R", "R", "l", "R")
        trends.add_row(*(Text(words, "quiet") for words in ("", "last", "median", "range", "n")))
        for name, trend in history.trends.items():
            low, middle, high, newest = (written(name, value) for value in (trend.lowest, trend.median, trend.highest, trend.last))
            trends.add_row(
                Text(TREND_WORDS[name].words), Text(newest, "bold"), Text(middle), Text(f"{low} to {high}", "quiet"), f"{trend.n}"
            )
        console.print(trends)


def _rehearsed(entry: Entry) -> list[Text]:
    of, side = (entry.measured, "") if entry.measured else (entry.predicted, " predicted")
    latency = Estimate(of.p95_ttft_ms, "ms", of.p95_ttft_ci95, of.n) if of else None
    return [
        verdict_mark(entry.verdict or ""),
        Text(f"{latency}{side}" if latency else ABSENT),
        Text(percent(entry.error_p50_ttft, signed=True)),
        Text(usd(entry.monthly_usd)),
        Text(figure(of.output_tokens_per_s if of else None)),
    ]


def _changed(entry: Entry) -> list[Text]:
    said = ", ".join(f"{number} {seen(what)}" for what, number in sorted(entry.changes.items()) if number) or "nothing to do"
    return [Text(f"  {entry.operation}"), Text(f"{said}, {seconds(entry.seconds)}", "quiet"), *[Text("")] * 3]


def _when(iso: str) -> str:
    return f"{datetime.fromisoformat(iso):%Y-%m-%d %H:%M}"
