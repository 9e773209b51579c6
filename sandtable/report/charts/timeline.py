"""The load over time: sent and finished per second, requests in flight, output tokens per second, and failures if there were any.

At most :data:`SLICES` slices are drawn; longer runs are merged into wider slices.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from sandtable.document.parts.load import Tick
from sandtable.report.charts import svg
from sandtable.report.charts.scale import Linear
from sandtable.report.words.quantities import figure

if TYPE_CHECKING:
    from collections.abc import Sequence

SLICES: Final = 240
_WIDTH, _LEFT, _RIGHT, _PANEL, _GAP = 1080.0, 56.0, 1064.0, 84.0, 44.0


@dataclass(frozen=True, slots=True)
class Panel:
    """A small chart: its heading, its series (words, values, class) and whether it is filled or drawn as bars."""

    heading: str
    series: list[tuple[str, list[float], str]]
    form: str = "line"


def slices_of(ticks: Sequence[Tick], most: int = SLICES) -> tuple[float, Sequence[Tick]]:
    """Return the length of a slice in seconds, and at most ``most`` slices: mean rates, the highest level in flight, the median TTFT."""
    ordered = sorted(ticks, key=lambda tick: tick.at_s)
    steps = [after.at_s - before.at_s for before, after in itertools.pairwise(ordered) if after.at_s > before.at_s]
    length = median(steps) if steps else 1.0
    together = math.ceil(len(ordered) / most)
    return length * together, [_merged(ordered[index : index + together]) for index in range(0, len(ordered), together)]


def _merged(part: Sequence[Tick]) -> Tick:
    known = [tick.ttft_p50_ms for tick in part if tick.ttft_p50_ms is not None]
    return Tick(
        at_s=part[0].at_s,
        offered_per_s=fmean(tick.offered_per_s for tick in part),
        finished_per_s=fmean(tick.finished_per_s for tick in part),
        failed_per_s=fmean(tick.failed_per_s for tick in part),
        in_flight=max(tick.in_flight for tick in part),
        output_tokens_per_s=fmean(tick.output_tokens_per_s for tick in part),
        ttft_p50_ms=median(known) if known else None,
    )


def timeline(ticks: Sequence[Tick]) -> Markup:
    """Return the chart, or a sentence if nothing was sent."""
    if not ticks:
        return svg.element("p", "No load was sent.", class_="empty")
    length, slices = slices_of(ticks)
    panels = [
        Panel(
            "requests per second",
            [("finished", [tick.finished_per_s for tick in slices], "finished"), ("sent", [tick.offered_per_s for tick in slices], "sent")],
        ),
        Panel("requests in flight", [("in flight", [tick.in_flight for tick in slices], "level")], "area"),
        Panel("output tokens per second", [("tokens", [tick.output_tokens_per_s for tick in slices], "level")], "area"),
    ]
    if any(tick.failed_per_s for tick in slices):
        panels.append(Panel("failed requests per second", [("failed", [tick.failed_per_s for tick in slices], "failed")], "bars"))
    x = Linear(slices[0].at_s, slices[-1].at_s + length, _LEFT, _RIGHT)
    places = [x(tick.at_s + length / 2) for tick in slices]
    height = 30 + len(panels) * (_PANEL + _GAP)
    parts: list[Markup] = []
    for row, panel in enumerate(panels):
        parts += _panel(panel, places, 30 + row * (_PANEL + _GAP), x, length)
    bottom = height - _GAP
    for value in x.ticks(8):
        parts.append(svg.line(x(value), bottom, x(value), bottom + 4, "axis"))
        parts.append(svg.text(x(value), bottom + 17, f"{value:g}", "tick", "middle"))
    parts.append(svg.text((_LEFT + _RIGHT) / 2, bottom + 36, "seconds since the start of the load", "label", "middle"))
    return svg.picture("timeline", "The load over time", _description(slices, length), (_WIDTH, height), parts)


def _panel(panel: Panel, places: list[float], top: float, x: Linear, length: float) -> list[Markup]:
    bottom = top + _PANEL
    y = Linear(0, max((value for _, values, _ in panel.series for value in values), default=0) * 1.08 or 1.0, bottom, top)
    parts = [svg.text(_LEFT, top - 9, panel.heading, "panel-heading")]
    for value in y.ticks(3):
        parts.append(svg.line(_LEFT, y(value), _RIGHT, y(value), "grid" if value else "axis"))
        parts.append(svg.text(_LEFT - 6, y(value) + 4, figure(value, "count"), "tick", "end"))
    for index, (words, values, name) in enumerate(panel.series):
        points = [(place, y(value)) for place, value in zip(places, values, strict=True)]
        if panel.form == "bars":
            wide = max(1.5, (x(x.low + length) - x.start) * 0.8)
            parts += [
                svg.element("rect", x=px - wide / 2, y=py, width=wide, height=bottom - py, class_="bar failed")
                for px, py in points
                if py < bottom
            ]
            continue
        if panel.form == "area":
            parts.append(svg.path([(points[0][0], bottom), *points, (points[-1][0], bottom)], f"area {name}", closed=True))
        parts.append(svg.path(points, f"series {name}"))
        if len(panel.series) > 1:
            start = _LEFT + 170 + 110 * index
            parts.append(svg.line(start, top - 13, start + 30, top - 13, f"series {name}"))
            parts.append(svg.text(start + 37, top - 9, words, "legend"))
    return parts


def _description(slices: Sequence[Tick], length: float) -> str:
    most = max(tick.in_flight for tick in slices)
    failed = sum(tick.failed_per_s for tick in slices) * length
    return (
        f"Over {slices[-1].at_s + length - slices[0].at_s:g} seconds, at most {figure(most, 'count')} requests were in flight"
        f" and {figure(round(failed), 'count')} failed. The table below the chart has the data."
    )
