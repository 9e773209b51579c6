"""Who was away when, and which requests failed of it: a bar for each absence above the failures of each slice of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from sandtable.report.charts import svg
from sandtable.report.charts.scale import Linear

if TYPE_CHECKING:
    from sandtable.document.answers.whatif import IncidentTimes

_WIDTH, _LEFT, _RIGHT, _ROW, _TOP, _PANEL = 1080.0, 190.0, 1064.0, 24.0, 34.0, 90.0
#: More rows are summed up in the heading.
_MOST_ROWS = 16
_LONGEST_NAME = 26


def incidents_picture(ident: str, times: IncidentTimes) -> Markup:
    """Return the picture of one replication."""
    span_s, slice_s = times.span_s or 1.0, times.slice_s or 1.0
    x = Linear(0, span_s, _LEFT, _RIGHT)
    names = [*times.replicas, *sorted({one.name for one in times.away} - set(times.replicas))]
    touched = {one.name for one in times.away}
    rows = sorted(names, key=lambda name: name not in touched)[:_MOST_ROWS]
    rows.sort(key=names.index)
    hidden = len(names) - len(rows)
    heading = "away (bars)" + (f"; {hidden} more were there all the time or are not shown" if hidden else "")
    parts = [svg.text(_LEFT, _TOP - 14, heading, "panel-heading")]
    for row, name in enumerate(rows):
        middle = _TOP + row * _ROW + _ROW / 2
        shown = name if len(name) <= _LONGEST_NAME else "…" + name[1 - _LONGEST_NAME :]
        parts += [svg.text(_LEFT - 8, middle + 4, shown, "tick", "end"), svg.line(_LEFT, middle, _RIGHT, middle, "grid")]
        for one in times.away:
            if one.name == name:
                start, end = x(one.start_s or 0.0), x(one.end_s or 0.0)
                parts.append(svg.element("rect", x=start, y=middle - 7, width=max(1.5, end - start), height=14, class_="bar failed"))
                if one.why:
                    parts.append(svg.text(start + 5, middle + 4, one.why, "on-bar"))
    top = _TOP + len(rows) * _ROW + 46
    parts += _failures(times, x, top, slice_s)
    bottom = top + _PANEL
    for value in x.ticks(8):
        parts.append(svg.line(x(value), bottom, x(value), bottom + 4, "axis"))
        parts.append(svg.text(x(value), bottom + 17, f"{value:g}", "tick", "middle"))
    parts.append(svg.text((_LEFT + _RIGHT) / 2, bottom + 36, "seconds since the start of the traffic", "label", "middle"))
    failed = sum(one.failed for one in times.slices)
    said = f"{len(touched)} were away; {failed} of {sum(one.requests for one in times.slices)} requests were not good."
    return svg.picture(ident, "Incidents over time", f"{said} The table below the chart has the data.", (_WIDTH, bottom + 50), parts)


def _failures(times: IncidentTimes, x: Linear, top: float, slice_s: float) -> list[Markup]:
    bottom = top + _PANEL
    most = max((one.requests for one in times.slices), default=0) / slice_s
    y = Linear(0, most * 1.08 or 1.0, bottom, top)
    parts = [svg.text(_LEFT, top - 12, "requests per second, and those of them that were not good (bars)", "panel-heading")]
    for value in y.ticks(3):
        parts.append(svg.line(_LEFT, y(value), _RIGHT, y(value), "grid" if value else "axis"))
        parts.append(svg.text(_LEFT - 6, y(value) + 4, f"{value:,.4g}", "tick", "end"))
    wide = max(1.5, (x(slice_s) - x(0)) * 0.8)
    for one in times.slices:
        if one.failed:
            place, height = x((one.at_s or 0.0) + slice_s / 2), y(one.failed / slice_s)
            parts.append(svg.element("rect", x=place - wide / 2, y=height, width=wide, height=bottom - height, class_="bar failed"))
    points = [(x((one.at_s or 0.0) + slice_s / 2), y(one.requests / slice_s)) for one in times.slices]
    return [*parts, svg.path(points, "series level")]
