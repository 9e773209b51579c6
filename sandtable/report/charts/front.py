"""Configurations by cost and by how much of the tightest limit they use: the front, its knee, and what was tried beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from sandtable.report.charts import svg
from sandtable.report.charts.scale import Linear
from sandtable.report.words.quantities import percent, usd
from sandtable.report.words.searches import simulated

if TYPE_CHECKING:
    from sandtable.document.answers.capacity import ConfigurationSearch, TriedConfiguration

_WIDTH, _HEIGHT = 1080.0, 380.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 1040.0, 30.0, 326.0
#: Uses above this are drawn at the edge: an overloaded configuration would flatten all others.
_MOST_USE = 2.0


def front(search: ConfigurationSearch) -> Markup:
    """Return the picture; a sentence if nothing was tried."""
    tried = [one for one in search.tried if one.monthly_usd is not None and one.use is not None]
    if not tried:
        return svg.element("p", "No configuration was simulated.", class_="empty")
    costs = [one.monthly_usd or 0.0 for one in tried]
    margin = (max(costs) - min(costs)) * 0.06 or max(costs) * 0.1 or 1.0
    x = Linear(max(0.0, min(costs) - margin), max(costs) + margin, _LEFT, _RIGHT)
    y = Linear(0, min(_MOST_USE, max(1.0, *(one.use or 0.0 for one in tried)) * 1.1), _BOTTOM, _TOP)
    parts = _frame(x, y)
    line = [(x(one.monthly_usd or 0.0), y(one.use or 0.0)) for one in search.front]
    if len(line) > 1:
        parts.append(svg.path(_steps(line), "series level"))
    parts += [_mark(one, x, y, on_front=one in search.front) for one in tried]
    parts += _labels(search, x, y)
    return svg.picture("front", "Configurations by cost and room", _description(search), (_WIDTH, _HEIGHT), parts)


def _frame(x: Linear, y: Linear) -> list[Markup]:
    parts = [svg.text(_LEFT, _TOP - 12, "tightest limit used, %", "panel-heading")]
    for value in y.ticks(5):
        parts.append(svg.line(_LEFT, y(value), _RIGHT, y(value), "grid"))
        parts.append(svg.text(_LEFT - 6, y(value) + 4, f"{value * 100:g}", "tick", "end"))
    for value in x.ticks(6):
        parts.append(svg.line(x(value), _BOTTOM, x(value), _BOTTOM + 4, "axis"))
        parts.append(svg.text(x(value), _BOTTOM + 17, usd(value), "tick", "middle"))
    parts.append(svg.line(_LEFT, _BOTTOM, _RIGHT, _BOTTOM, "axis"))
    parts.append(svg.line(_LEFT, y(1.0), _RIGHT, y(1.0), "limit"))
    parts.append(svg.text(_RIGHT, y(1.0) - 6, "limit", "limit-label", "end"))
    parts.append(svg.text((_LEFT + _RIGHT) / 2, _HEIGHT - 14, "USD a month", "label", "middle"))
    return parts


def _steps(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the line of the front: between two members nothing better than the cheaper one is known."""
    found = [points[0]]
    for place, use in points[1:]:
        found += [(place, found[-1][1]), (place, use)]
    return found


def _mark(one: TriedConfiguration, x: Linear, y: Linear, *, on_front: bool) -> Markup:
    place, use = x(one.monthly_usd or 0.0), y(one.use or 0.0)
    if not one.holds:
        cross = [(place - 4, use - 4), (place + 4, use + 4)], [(place - 4, use + 4), (place + 4, use - 4)]
        return svg.group(*(svg.path(stroke, "series misses") for stroke in cross))
    return svg.element("circle", cx=place, cy=use, r=5.5 if on_front else 3.5, class_="mark measured" if on_front else "mark other")


def _labels(search: ConfigurationSearch, x: Linear, y: Linear) -> list[Markup]:
    """Name the cheapest and the knee, on the side where there is room."""
    parts = []
    named = [("cheapest", search.best), ("knee", search.knee if search.knee != search.best else None)]
    for words, one in named:
        if one is None:
            continue
        place, use = x(one.monthly_usd or 0.0), y(one.use or 0.0)
        right = place < (_LEFT + _RIGHT) / 2
        text = f"{words}: {one.scenario}, {usd(one.monthly_usd)}"
        parts.append(svg.text(place + (10 if right else -10), use - 9, text, "limit-label", None if right else "end"))
    return parts


def _description(search: ConfigurationSearch) -> str:
    if search.best is None:
        return f"{simulated(search)}, and none holds. The table below the chart has the data."
    return (
        f"{simulated(search)}. The cheapest that holds is {search.best.scenario} for "
        f"{usd(search.best.monthly_usd)} a month; it uses {percent(search.best.use)} of the tightest limit. The table has the data."
    )
