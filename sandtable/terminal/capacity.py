"""The largest rate that holds and what binds first; the cheapest configuration and the front; what matters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from sandtable.report.words.quantities import count, figure, interval, percent, usd
from sandtable.report.words.searches import simulated
from sandtable.terminal.parts import bullet, grid, heading, holds_mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from sandtable.document.answers.capacity import (
        Capacity,
        ConfigurationSearch,
        InputSwing,
        JudgedThreshold,
        RiskPoint,
        TriedConfiguration,
    )

#: A risk above this is shown as bad.
LIKELY: Final = 0.5


def show_capacity(answer: Capacity, console: Console) -> None:
    """Print the document of ``sandtable capacity``."""
    heading(console, "capacity", f"{answer.environment}: {figure(answer.rate_per_s)} requests/s; {', '.join(answer.thresholds)}")
    if not answer.factor:
        console.print(Text(f"Not even {figure(answer.broken_factor)} times the traffic holds.", "bad"))
    else:
        at_least = "at least " if answer.broken_factor is None else ""
        console.print(Text(f"Holds {at_least}{figure(answer.factor)} times the traffic, {figure(answer.holds_per_s)} requests/s.", "bold"))
        _thresholds(answer.judged, console)
    if answer.binding:
        bullet(console, f"at {figure(answer.broken_factor)} times {answer.binding[0].threshold} breaks first", "!", "unsure")
        _thresholds(answer.binding, console)
    if answer.search:
        _search(answer.search, console)
    if answer.swings:
        _swings(answer.swings, console)
    if answer.risks:
        _risks(answer.risks, console)


def _thresholds(judged: Sequence[JudgedThreshold], console: Console) -> None:
    table = grid("L", "L", "R", "R", "l")
    table.add_row(*(Text(words, "quiet") for words in ("", "threshold", "value", "worst", "limit used")))
    for one in judged:
        table.add_row(holds_mark(one.holds), one.threshold, figure(one.value), figure(one.worst), percent(one.use))
    console.print(table)


def _search(search: ConfigurationSearch, console: Console) -> None:
    heading(console, "cheapest configuration", simulated(search))
    if search.best is None:
        console.print(Text("None holds within the budget.", "bad"))
    table = grid("L", "L", "R", "R", "l")
    table.add_row(*(Text(words, "quiet") for words in ("", "configuration", "a month", "tightest limit used", "")))
    for one in search.front:
        table.add_row(holds_mark(one.holds), one.scenario, usd(one.monthly_usd), percent(one.use), _note(one, search))
    console.print(table)
    if search.spot:
        console.print(Text("Cheaper with spot nodes, while enough of them are there:"))
        table = grid("L", "R", "R", "L")
        table.add_row(*(Text(words, "quiet") for words in ("configuration", "a month", "too few are there", "")))
        for option in search.spot:
            risk = Text(f"{percent(option.risk)} of the time", "unsure")
            table.add_row(option.scenario, usd(option.monthly_usd), risk, f"needs {count(option.needed, 'replica')}")
        console.print(table)
    for reason, number in search.settled.items():
        bullet(console, f"{count(number, 'configuration')} without a run: {reason}", "-", "quiet")


def _note(one: TriedConfiguration, search: ConfigurationSearch) -> str:
    return "cheapest" if one == search.best else "knee" if one == search.knee else ""


def _swings(swings: Sequence[InputSwing], console: Console) -> None:
    heading(console, "what matters", f"share of the tightest limit used, {percent(swings[0].base)} at present")
    table = grid("L", "L", "L", "R", "l")
    table.add_row(*(Text(words, "quiet") for words in ("input", "changed", "", "limit used", "tightest")))
    for swing in swings:
        for index, moved in enumerate(swing.moved):
            name = "" if index else swing.name
            table.add_row(name, moved.words, holds_mark(moved.holds), percent(moved.use), moved.tightest.threshold)
    console.print(table)


def _risks(risks: Sequence[RiskPoint], console: Console) -> None:
    heading(console, "risk", "probability that a stretch of traffic misses a threshold, with its 95 % interval")
    table = grid("L", "R", "R", "L", "R")
    table.add_row(*(Text(words, "quiet") for words in ("", "a month", "risk", "", "n")))
    for one in risks:
        at = f"{figure(one.at)} times the traffic" if one.by == "rate" else f"{count(int(one.at or 0), 'replica')} at the present traffic"
        style = "good" if not one.share else "bad" if one.share > LIKELY else "unsure"
        table.add_row(at, usd(one.monthly_usd), Text(percent(one.share), style), interval(one.ci95, "share"), str(one.n))
    console.print(table)
