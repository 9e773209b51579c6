"""Line and scatter charts as one self-contained SVG: learning curves, size against loss.

Rule 1: deterministic, and readable without a style sheet: the file is opened alone, in light or dark.
Rule 2: each series is named at its last point, so that colour is not the only key; a title and a description serve screen readers. A name
that would cover another one moves up or down, and a line leads to its point.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Final

Point = tuple[float, float]

_WIDTH, _HEIGHT = 720, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 150, 40, 50
_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a7a7a")  # Okabe and Ito 2008
_TICKS: Final = 5
_ROUND: Final = (1, 2, 2.5, 5, 10)
_LETTER, _LINE = 6.6, 14
"""Pixels that a letter and a line of text take at most."""
_STYLE: Final = (
    "text{font:12px system-ui,sans-serif;fill:#222}.a{stroke:#8888;fill:none}.g{stroke:#8883;fill:none}.b{fill:#fff}"
    ".n{paint-order:stroke;stroke:#fff;stroke-width:3px}"  # a name stays readable where a line passes under it
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.b{fill:#161616}.n{stroke:#161616}}"
)


def chart(
    title: str,
    axes: tuple[str, str],
    series: Mapping[str, Sequence[Point]],
    *,
    points: bool = False,
    line: Sequence[Point] = (),
    family: Callable[[str], str] = str,
) -> str:
    """Return an SVG document.

    Args:
        title: shown above.
        axes: what x and y are, with their units.
        series: (x, y) by name; values that are not finite are left out.
        points: draw points with their names and no lines.
        line: through these points of theirs, dashed: the Pareto front.
        family: of a name; series of one family share a colour (default: each has its own).
    """
    kept = {name: [point for point in values if all(map(math.isfinite, point))] for name, values in series.items()}
    kept = {name: values for name, values in kept.items() if values}
    xs, ys = (_ticks([point[axis] for values in kept.values() for point in values]) for axis in (0, 1))

    def place(point: Point) -> Point:
        x = _LEFT + (point[0] - xs[0]) / (xs[-1] - xs[0]) * (_WIDTH - _LEFT - _RIGHT)
        y = _HEIGHT - _BOTTOM - (point[1] - ys[0]) / (ys[-1] - ys[0]) * (_HEIGHT - _TOP - _BOTTOM)
        return round(x, 1), round(y, 1)

    described = "; ".join(f"{name}: {len(values)} points, last {values[-1][1]:.4g}" for name, values in kept.items())
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="t d">',
        f'<title id="t">{escape(title)}</title><desc id="d">{escape(described)}</desc><style>{_STYLE}</style>',
        f'<rect class="b" width="{_WIDTH}" height="{_HEIGHT}"/>',
        f'<text x="{_LEFT}" y="22" font-weight="bold">{escape(title)}</text>',
        *_axes(axes, xs, ys),
    ]
    if line:
        drawn = " ".join(f"{x},{y}" for x, y in map(place, line))
        parts.append(f'<polyline class="a" points="{drawn}" stroke-dasharray="5 4"/>')
    names, taken = list[str](), list[tuple[float, float, float]]()
    families = list(dict.fromkeys(map(family, kept)))
    for name, values in kept.items():
        colour, placed = _COLOURS[families.index(family(name)) % len(_COLOURS)], [place(point) for point in values]
        if points:
            parts += [f'<circle cx="{x}" cy="{y}" r="4" fill="{colour}"/>' for x, y in placed]
        else:
            drawn = " ".join(f"{x},{y}" for x, y in placed)
            parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        names.append(_name(name, placed[-1], colour, taken))
    return "\n".join([*parts, *names, "</svg>", ""])


def _name(name: str, point: Point, colour: str, taken: list[tuple[float, float, float]]) -> str:
    """Return the name beside its point, at the nearest height that leaves the names in ``taken`` (left, right, height) free."""
    left, right = point[0] + 8, point[0] + 8 + _LETTER * len(name)
    away = (side * step * _LINE for step in range(_HEIGHT // _LINE) for side in (-1, 1))
    heights = (height for each in away if _TOP <= (height := point[1] + each) <= _HEIGHT - _BOTTOM)
    y = next((h for h in heights if all(abs(h - other) >= _LINE or right < a or b < left for a, b, other in taken)), point[1])
    taken.append((left, right, y))
    leader = f'<path d="M{point[0]} {point[1]}L{left - 2:.1f} {y:.1f}" stroke="{colour}" stroke-width=".7"/>' if y != point[1] else ""
    return f'{leader}<text x="{left:.1f}" y="{y + 4:.1f}" class="n" style="fill:{colour}">{escape(name)}</text>'


def _ticks(values: Sequence[float]) -> list[float]:
    """Return round numbers, evenly apart, that hold all ``values`` between the first and the last."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if low == high:
        low, high = low - (abs(low) * 0.1 or 1.0), high + (abs(high) * 0.1 or 1.0)
    rough = (high - low) / (_TICKS - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in _ROUND if power * factor >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [number * step for number in range(first, last + 1)]


def _axes(names: tuple[str, str], xs: Sequence[float], ys: Sequence[float]) -> list[str]:
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    parts = [f'<path class="a" d="M{_LEFT} {_TOP}V{bottom}H{right}"/>']
    for index, value in enumerate(xs):
        x = _LEFT + index / (len(xs) - 1) * (right - _LEFT)
        parts.append(f'<text x="{x:.0f}" y="{bottom + 18}" text-anchor="middle">{value:,.9g}</text>')
    for index, value in enumerate(ys):
        y = bottom - index / (len(ys) - 1) * (bottom - _TOP)
        parts.append(
            f'<path class="g" d="M{_LEFT} {y:.0f}H{right}"/><text x="{_LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{value:,.9g}</text>'
        )
    middle = (_LEFT + right) / 2
    parts.append(f'<text x="{middle:.0f}" y="{bottom + 38}" text-anchor="middle">{escape(names[0])}</text>')
    parts.append(
        f'<text x="14" y="{_HEIGHT / 2:.0f}" text-anchor="middle" transform="rotate(-90 14 {_HEIGHT / 2:.0f})">{escape(names[1])}</text>'
    )
    return parts
