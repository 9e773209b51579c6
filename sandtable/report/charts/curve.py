"""One figure against another: points joined by a line, each with its interval where it has one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from sandtable.report.charts import svg
from sandtable.report.charts.scale import Linear, Log

_WIDTH, _HEIGHT = 520.0, 300.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 60.0, 500.0, 34.0, 244.0


@dataclass(frozen=True, slots=True)
class Point:
    """``value`` at ``at``, with the ends of its interval if they are known; ``words`` replace the number at the axis below."""

    at: float
    value: float
    ends: tuple[float, float] | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Axes:
    """What stands at the axes. ``shares``: the values are shares, from 0 to 100 %. ``now`` is where things are at present."""

    across: str
    up: str
    shares: bool = False
    now: float | None = None


def curve(ident: str, title: str, points: Sequence[Point], axes: Axes) -> Markup:
    """Return the picture; a sentence if there is no point."""
    if not points:
        return svg.element("p", "Nothing was simulated.", class_="empty")
    x, y = _scales(points, axes)
    parts = [svg.text(_LEFT, _TOP - 14, axes.up, "panel-heading")]
    for value in y.ticks(5):
        parts.append(svg.line(_LEFT, y(value), _RIGHT, y(value), "grid"))
        parts.append(svg.text(_LEFT - 6, y(value) + 4, f"{value * 100:g} %" if axes.shares else f"{value:,.4g}", "tick", "end"))
    parts.append(svg.line(_LEFT, _BOTTOM, _RIGHT, _BOTTOM, "axis"))
    for place, words in _marks(points, x):
        parts.append(svg.line(place, _BOTTOM, place, _BOTTOM + 4, "axis"))
        parts.append(svg.text(place, _BOTTOM + 17, words, "tick", "middle"))
    parts.append(svg.text((_LEFT + _RIGHT) / 2, _HEIGHT - 16, axes.across, "label", "middle"))
    if axes.now is not None and x.low <= axes.now <= x.high:
        parts.append(svg.line(x(axes.now), _TOP, x(axes.now), _BOTTOM, "limit"))
        parts.append(svg.text(x(axes.now) + 5, _TOP + 10, "now", "limit-label"))
    parts.append(svg.path([(x(one.at), y(one.value)) for one in points], "series level"))
    for one in points:
        if one.ends is not None:
            parts.append(svg.line(x(one.at), y(one.ends[0]), x(one.at), y(one.ends[1]), "whisker measured"))
        parts.append(svg.element("circle", cx=x(one.at), cy=y(one.value), r=4, class_="mark measured"))
    return svg.picture(ident, title, f"{len(points)} points. The table below the chart has the data.", (_WIDTH, _HEIGHT), parts)


def token_curve(prices: Mapping[float, float], across: str) -> Markup:
    """Return the price of a million output tokens (USD) by the multiple of a load that ``across`` names; 1 is marked."""
    points = [Point(factor, usd) for factor, usd in prices.items()]
    return curve("cost-load", "Cost against load", points, Axes(across, "USD per million output tokens", now=1.0))


def _scales(points: Sequence[Point], axes: Axes) -> tuple[Linear | Log, Linear | Log]:
    """Return both scales; a logarithmic one where the values span more than a decade."""
    places, values = [one.at for one in points], [one.value for one in points]
    low, high = min(places), max(places)
    if low > 0 and high / low > 10:
        x: Linear | Log = Log(low / 1.1, high * 1.1, _LEFT, _RIGHT)
    else:
        margin = (high - low) * 0.05 or high * 0.1 or 1.0
        x = Linear(low - margin, high + margin, _LEFT, _RIGHT)
    if axes.shares:
        return x, Linear(0, 1, _BOTTOM, _TOP)
    if min(values) > 0 and max(values) / min(values) > 10:
        return x, Log(min(values) / 1.3, max(values) * 1.3, _BOTTOM, _TOP)
    return x, Linear(0, max(values) * 1.1 or 1.0, _BOTTOM, _TOP)


def _marks(points: Sequence[Point], x: Linear | Log) -> list[tuple[float, str]]:
    if all(one.words for one in points):
        return [(x(one.at), one.words) for one in points]
    return [(x(value), f"{value:,.4g}") for value in x.ticks(6)]
