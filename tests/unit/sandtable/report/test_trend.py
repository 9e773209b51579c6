"""The history as a picture and in a terminal."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from sandtable.document.answers.history import TRENDS, Entry, Figures, History
from sandtable.report.charts.trend import trend
from sandtable.report.words.trends import TREND_WORDS
from sandtable.terminal import show_history
from sandtable.terminal.console import THEME


def rehearsed(day: int, p95_ms: float | None, monthly_usd: float | None = 20.0) -> Entry:
    measured = (
        None if p95_ms is None else Figures(p95_ttft_ms=p95_ms, p95_ttft_ci95=(p95_ms - 9, p95_ms + 9), output_tokens_per_s=90, n=120)
    )
    at = f"2026-11-{day:02}T10:00:00+00:00"
    return Entry(
        at=at, operation="rehearse", run=f"run-{day}", verdict="ship", measured=measured, error_p50_ttft=0.031, monthly_usd=monthly_usd
    )


UP = Entry(at="2026-11-02T09:00:00+00:00", operation="up", changes={"create": 41, "same": 0}, seconds=12.0)
ENTRIES = [rehearsed(1, 140), UP, rehearsed(3, 150), rehearsed(4, None), rehearsed(5, 160)]


def shown(history: History) -> str:
    console = Console(file=io.StringIO(), width=140, theme=THEME, highlight=False)
    show_history(history, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_trends_leave_out_what_lacks_the_figure() -> None:
    found = History.of_entries("dev", ENTRIES).trends["measured.p95_ttft_ms"]
    assert (found.n, found.lowest, found.median, found.highest, found.last) == (3, 140, 150, 160, 160)
    assert "predicted.p95_ttft_ms" not in History.of_entries("dev", ENTRIES).trends


def test_only_the_newest_are_shown_and_the_rest_is_counted() -> None:
    history = History.of_entries("dev", ENTRIES, last=2)
    assert ([entry.at[8:10] for entry in history.entries], history.earlier) == (["04", "05"], 3)
    assert history.trends["measured.p95_ttft_ms"].n == 1


def test_every_trend_has_words() -> None:
    assert TREND_WORDS.keys() == set(TRENDS)


def test_the_terminal_shows_verdicts_deployments_and_trends() -> None:
    text = shown(History.of_entries("dev", ENTRIES, unreadable=1))
    assert re.search(r"2026-11-01 10:00 +✓ SHIP +140\.0 \[131\.0, 149\.0\] n=120 +\+3\.1 % +\$20\.00 +90\.00", text)
    assert re.search(r"2026-11-02 09:00 +up +41 create, 12\.0 s", text)
    assert "1 entry cannot be read by this version" in text
    assert re.search(r"p95 TTFT measured, ms +160\.0 +150\.0 +140\.0 to 160\.0 +3", text)


def test_the_picture_needs_two_rehearsals() -> None:
    assert trend(None) == trend(History.of_entries("dev", [UP, rehearsed(1, 140)])) == ""


def test_a_line_does_not_cross_a_rehearsal_without_the_figure() -> None:
    drawn = str(trend(History.of_entries("dev", ENTRIES)))
    latency = drawn.partition("error of the predicted")[0]
    assert latency.count("<path") == 2
    assert latency.count("<circle") == 3
    assert "cost (USD a month)" in drawn


@pytest.mark.parametrize("value", [0.0, -250.0])
def test_a_figure_that_never_moves_is_drawn(value: float) -> None:
    assert "cost (USD a month)" in str(trend(History.of_entries("dev", [rehearsed(1, None, value), rehearsed(2, None, value)])))


@pytest.mark.parametrize("error", [0.031, 0.2, 8.8, 29.43])
def test_an_error_has_figures_on_both_sides_of_zero(error: float) -> None:
    entries = [entry.model_copy(update={"error_p50_ttft": error}) for entry in (rehearsed(1, 140), rehearsed(2, 150))]
    drawn = str(trend(History.of_entries("dev", entries)))
    _, _, panel = drawn.partition("error of the predicted")
    ticks = re.findall(r'class="tick" text-anchor="end">([^<]+)<', panel.partition("cost (USD")[0])
    assert any(tick.startswith("-") for tick in ticks), ticks
    assert any(tick[0] in "123456789" for tick in ticks), ticks
