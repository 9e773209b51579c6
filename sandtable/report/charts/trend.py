"""The rehearsals of an environment side by side: latency, prediction error and cost, the newest at the right.

One place a rehearsal, whatever the time between them: an axis of days would hide ten runs of one afternoon in a point.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from sandtable.report.charts import svg
from sandtable.report.charts.scale import Linear
from sandtable.report.words.quantities import figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandtable.document.answers.history import Entry, History

_WIDTH, _LEFT, _RIGHT, _PANEL, _GAP = 1080.0, 56.0, 1064.0, 84.0, 44.0


@dataclass(frozen=True, slots=True)
class _Panel:
    heading: str
    series: tuple[tuple[str, str], ...]
    """Name of the figure, class."""
    scale: float = 1.0
    centred: bool = False
    """Whether zero is in the middle of what can be."""


_PANELS: Final = (
    _Panel(
        "p95 time to first token (ms): measured, and predicted (dashed)",
        (("measured.p95_ttft_ms", "measured"), ("predicted.p95_ttft_ms", "predicted")),
    ),
    _Panel(
        "error of the predicted p50 (solid) and p95 (dashed) time to first token (%)",
        (("error_p50_ttft", "measured"), ("error_p95_ttft", "predicted")),
        100.0,
        centred=True,
    ),
    _Panel("cost (USD a month)", (("monthly_usd", "measured"),)),
)


def trend(history: History | None) -> Markup:
    """Return the picture; nothing if there are fewer than two rehearsals."""
    entries = history.rehearsals if history else []
    panels = [panel for panel in _PANELS if any(entry.figure(name) is not None for name, _ in panel.series for entry in entries)]
    if len(entries) < 2 or not panels:
        return Markup("")
    x = Linear(0, len(entries) - 1, _LEFT + 20, _RIGHT - 20)
    height = 30 + len(panels) * (_PANEL + _GAP)
    parts = [part for row, panel in enumerate(panels) for part in _drawn(panel, entries, x, 30 + row * (_PANEL + _GAP))]
    marks = ((x.start, entries[0], "start"), (x.end, entries[-1], "end"))
    parts += [svg.text(place, height - _GAP + 17, entry.at[:16].replace("T", " "), "tick", anchor) for place, entry, anchor in marks]
    description = f"{len(entries)} rehearsals from {entries[0].at} to {entries[-1].at}. The table below the chart has the data."
    return svg.picture("trend", "Rehearsals over time", description, (_WIDTH, height), parts)


def _drawn(panel: _Panel, entries: Sequence[Entry], x: Linear, top: float) -> list[Markup]:
    bottom = top + _PANEL
    values = [value * panel.scale for name, _ in panel.series for entry in entries if (value := entry.figure(name)) is not None]
    most = max(abs(value) for value in values) * 1.1 or 1.0
    y = Linear(-most if panel.centred else 0, most, bottom, top)
    parts = [svg.text(_LEFT, top - 9, panel.heading, "panel-heading")]
    for value in y.ticks(5 if panel.centred else 3):  # on both sides of a zero in the middle
        parts.append(svg.line(_LEFT, y(value), _RIGHT, y(value), "grid" if value else "axis"))
        parts.append(svg.text(_LEFT - 6, y(value) + 4, figure(value, "count"), "tick", "end"))
    for name, kind in panel.series:
        for run in _unbroken([entry.figure(name) for entry in entries]):
            points = [(x(place), y(value * panel.scale)) for place, value in run]
            parts.append(svg.path(points, f"series {kind}"))
            parts += [svg.element("circle", cx=px, cy=py, r=3.5, class_=f"mark {kind}") for px, py in points]
    return parts


def _unbroken(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """Return the runs of known values with their places: a line must not cross a rehearsal that lacks the figure."""
    runs: list[list[tuple[int, float]]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((place, value))
    return [run for run in runs if run]
