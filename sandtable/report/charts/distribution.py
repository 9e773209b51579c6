"""Latency distribution: the share of requests at least this fast, predicted (dashed) over measured (solid).

Time has a logarithmic axis, the share a normal-probability axis, which stretches the tail. Thresholds are vertical lines.
A line has at most :data:`POINTS` points, so that the page stays small with any number of samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from sandtable.document.parts.outcome import QUANTILES, Quantiles
from sandtable.report.charts import svg
from sandtable.report.charts.scale import Log, Probability
from sandtable.report.words.quantities import figure

POINTS: Final = 160
WIDTH, HEIGHT = 370.0, 290.0
LEFT, RIGHT, TOP, BOTTOM = 42.0, 358.0, 40.0, 246.0
_SHARES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_DRAWN_LEVELS: Final = (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)


@dataclass(frozen=True, slots=True)
class Curve:
    """One side of the chart: the sorted samples in milliseconds and their summary."""

    side: str
    samples: list[float]
    quantiles: Quantiles

    @property
    def known(self) -> bool:
        """Whether there is anything to draw."""
        return bool(self.samples) or any(self.quantiles.at(name) is not None for name in QUANTILES)

    def values(self) -> list[float]:
        """Return the values that the axis must cover."""
        marks = [self.quantiles.at(name) for name in QUANTILES]
        return [*self.samples, *[mark for mark in marks if mark is not None]]


@dataclass(frozen=True, slots=True)
class Limit:
    """A threshold on one quantile: ``p95 < 400``."""

    quantile: str
    value: float
    words: str


def distribution(ident: str, title: str, curves: list[Curve], limits: list[Limit]) -> Markup:
    """Return the chart, or a sentence if no curve has a sample."""
    known = [curve for curve in curves if curve.known]
    if not known:
        return svg.element("p", "No request produced a sample.", class_="empty")
    x = time_axis([value for curve in known for value in curve.values()], limits)
    most = max(len(curve.samples) for curve in known)
    y = Probability(0.9995 if most >= 1000 else 0.997, BOTTOM, TOP)
    parts = [*frame(x, y), *[_threshold(limit, x, y, index) for index, limit in enumerate(limits)]]
    # The measurement is drawn first, so that the dashes of the prediction lie on top.
    for curve in sorted(known, key=lambda curve: curve.side):
        parts += _curve(curve, x, y)
    parts += [_legend(curve, LEFT + 160 * column) for column, curve in enumerate(known)]
    return svg.picture(ident, title, _description(known, limits), (WIDTH, HEIGHT), parts)


def time_axis(values: Iterable[float], limits: Sequence[Limit] = ()) -> Log:
    """Return the axis that covers ``values`` in milliseconds, and those of ``limits`` that are not far from them."""
    positive = [value for value in values if value > 0] or [1.0]
    low, high = min(positive), max(positive)
    # A limit far to the right would squash the curves; it is only named at the edge then.
    high = max([high, *[limit.value for limit in limits if limit.value <= 4 * high]])
    # More than nine decades would flatten the curve; smaller values are drawn at the edge.
    low, high = max(low, high / 1e9) / 1.1, high * 1.15
    return Log(low, max(low * 1.5, high), LEFT, RIGHT)


def frame(x: Log, y: Probability) -> list[Markup]:
    """Return grid, axis and numbers."""
    parts = []
    for share in _DRAWN_LEVELS:
        if share < y.high:
            parts.append(svg.line(LEFT, y(share), RIGHT, y(share), "grid strong" if share in (0.5, 0.95) else "grid"))
            parts.append(svg.text(LEFT - 6, y(share) + 4, f"{share * 100:g} %", "tick", "end"))
    for value in x.ticks(6):
        parts.append(svg.line(x(value), BOTTOM, x(value), BOTTOM + 4, "axis"))
        parts.append(svg.text(x(value), BOTTOM + 17, f"{value:,.0f}" if value >= 1000 else f"{value:.4g}", "tick", "middle"))
    parts.append(svg.line(LEFT, BOTTOM, RIGHT, BOTTOM, "axis"))
    parts.append(svg.text((LEFT + RIGHT) / 2, HEIGHT - 8, "milliseconds (logarithmic)", "label", "middle"))
    return parts


def _threshold(limit: Limit, x: Log, y: Probability, index: int) -> Markup:
    outside = limit.value > x.high
    place = x(limit.value)
    row = BOTTOM - 8 - 14 * index
    words = f"{limit.words} →" if outside else limit.words
    left = outside or place > (LEFT + RIGHT) / 2
    label = svg.text(place - 5 if left else place + 5, row, words, "limit-label", "end" if left else None)
    if outside:
        return label
    share = y(_SHARES[limit.quantile])
    return svg.group(svg.line(place, TOP, place, BOTTOM, "limit"), svg.line(place - 6, share, place + 6, share, "limit-mark"), label)


def _curve(curve: Curve, x: Log, y: Probability) -> list[Markup]:
    parts = []
    if len(curve.samples) > 1:
        parts.append(svg.path(_points(curve.samples, x, y), f"curve {curve.side}"))
    for name in QUANTILES:
        value = curve.quantiles.at(name)
        if value is None:
            continue
        share = y(_SHARES[name])
        low, high = curve.quantiles.ci95.get(name, (value, value))
        if curve.side == "measured":
            ends = (LEFT if low is None else x(low), RIGHT if high is None else x(high))
            parts.append(svg.line(ends[0], share, ends[1], share, "whisker measured"))
        parts.append(_mark(curve.side, x(value), share))
    return parts


def _points(samples: list[float], x: Log, y: Probability) -> list[tuple[float, float]]:
    n = len(samples)
    most = min(n, POINTS)
    ranks = sorted({round(index * (n - 1) / (most - 1)) for index in range(most)} | {min(n - 1, round(0.99 * n)), n - 1})
    # The axis begins at 2 %; points below would look like a flat start of the curve.
    return [(x(samples[rank]), y((rank + 0.5) / n)) for rank in ranks if (rank + 0.5) / n >= 0.02]


def _mark(side: str, x: float, y: float) -> Markup:
    """Return a disc for the measurement, a diamond for the prediction."""
    if side == "measured":
        return svg.element("circle", cx=x, cy=y, r=3.6, class_="mark measured")
    return svg.path([(x, y - 5), (x + 5, y), (x, y + 5), (x - 5, y)], "mark predicted", closed=True)


def _legend(curve: Curve, x: float) -> Markup:
    y = 14.0
    return svg.group(
        svg.line(x, y, x + 30, y, f"curve {curve.side}"),
        _mark(curve.side, x + 15, y),
        svg.element(
            "text",
            svg.element("tspan", curve.side, class_="legend-name"),
            # After the name, however wide the reader's font makes it.
            svg.element("tspan", f"n={curve.quantiles.n:,}", class_="legend", dx=6),
            x=x + 36,
            y=y + 4,
        ),
    )


def _summary(quantiles: Quantiles) -> str:
    return " · ".join(f"{name} {figure(quantiles.at(name), 'ms')}" for name in QUANTILES) + f" ms · n={quantiles.n:,}"


def _description(curves: list[Curve], limits: list[Limit]) -> str:
    said = [f"{curve.side}: {_summary(curve.quantiles)}" for curve in curves]
    return ". ".join([*said, *[f"Threshold {limit.words}" for limit in limits]]) + "."
