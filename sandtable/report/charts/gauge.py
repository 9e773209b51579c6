"""A threshold as a small chart: the allowed side, the limit, the value and its 95 % interval."""

from __future__ import annotations

from markupsafe import Markup

from sandtable.report.charts import svg
from sandtable.report.charts.scale import Linear
from sandtable.report.words.metrics import Line

_HEIGHT, _MIDDLE = 22.0, 11.0


def gauge(ident: str, line: Line, width: float = 180.0) -> Markup:
    """Return the chart, ``width`` pixels wide; empty without a value or a limit."""
    value, limit, ci95 = line.estimate.value, line.limit, line.estimate.ci95
    if value is None or limit is None:
        return Markup("")
    low, high = ci95 or (value, value)
    largest = max(abs(part) for part in (value, limit, high or value))
    # The limit stays well inside, so that the forbidden side is always visible; a value far away is drawn at the edge.
    x = Linear(0, min(max(largest * 1.12, limit * 1.35), limit * 4) if limit > 0 else largest * 1.2 or 1.0, 2, width - 2)
    at_most = line.symbol.startswith(("<", "="))
    begin, end = (x.start, x(limit)) if at_most else (x(limit), x.end)
    parts = [
        svg.element("rect", x=x.start, y=_MIDDLE - 5, width=x.end - x.start, height=10, rx=2, class_="forbidden"),
        svg.element("rect", x=begin, y=_MIDDLE - 5, width=max(end - begin, 1), height=10, rx=2, class_="allowed"),
        svg.line(x(limit), 2, x(limit), _HEIGHT - 2, "limit"),
    ]
    if ci95:
        ends = (x.start if low is None else x(low), x.end if high is None else x(high))
        parts.append(svg.line(ends[0], _MIDDLE, ends[1], _MIDDLE, "whisker value"))
    parts.append(svg.element("circle", cx=x(value), cy=_MIDDLE, r=4, class_="mark value"))
    return svg.picture(ident, line.words, "The value and its 95 % interval relative to the limit.", (width, _HEIGHT), parts)
