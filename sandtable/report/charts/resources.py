"""The resource graph as a picture: a box a component, a tile a resource, a line where one component needs another.

The layout is fixed by the graph alone. Components stand in layers, each above all that it needs; inside a layer they are ordered so
that lines cross little, and stacked into four columns. Resources that run something are filled tiles, all others outlined ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from sandtable.report.charts import svg
from sandtable.report.components import RUNNING, Component
from sandtable.report.quantities import count

MOST_COMPONENTS: Final = 48
_COLUMNS, _WIDTH, _BOX, _GUTTER = 4, 1080.0, 246.0, 32.0
_TILE, _STEP, _PER_ROW, _MOST_TILES = 9.0, 12.0, 8, 32
_HEAD, _ROW, _PAD, _BETWEEN_BOXES, _BETWEEN_LAYERS = 44.0, 18.0, 12.0, 18.0, 46.0


@dataclass(frozen=True, slots=True)
class Box:
    """A component with its place."""

    component: Component
    x: float
    y: float
    height: float

    @property
    def middle(self) -> float:
        """Horizontal middle."""
        return self.x + _BOX / 2


def resources(parts: list[Component]) -> Markup:
    """Return the picture of at most :data:`MOST_COMPONENTS` components; a sentence in its place where there is none."""
    if not parts:
        return svg.element("p", "No resource graph was recorded.", class_="empty")
    boxes, height = _place(parts[:MOST_COMPONENTS])
    total = sum(part.size for part in parts)
    title = f"{count(total, 'resource')} in {count(len(parts), 'component')}"
    arrow = svg.element(
        "marker",
        svg.path([(0, 0), (7, 3.5), (0, 7)], "arrow", closed=True),
        id="arrow",
        viewBox="0 0 7 7",
        refX=6,
        refY=3.5,
        markerWidth=7,
        markerHeight=7,
        orient="auto",
    )
    drawn = [svg.element("defs", arrow), *_lines(boxes), *[_box(box) for box in boxes.values()]]
    return svg.picture(
        "resources", title, "Each component stands above those it needs. The table below lists the same.", (_WIDTH, height), drawn
    )


def _place(parts: list[Component]) -> tuple[dict[str, Box], float]:
    boxes: dict[str, Box] = {}
    top = 2.0
    for layer in sorted({part.layer for part in parts}, reverse=True):
        members = [part for part in parts if part.layer == layer]
        members.sort(key=lambda part: (_pull(part, boxes), part.name))
        columns = min(_COLUMNS, len(members))
        start = (_WIDTH - columns * _BOX - (columns - 1) * _GUTTER) / 2
        bottoms = [top] * columns
        for part in members:
            column = min(range(columns), key=lambda index: bottoms[index])
            boxes[part.name] = Box(part, start + column * (_BOX + _GUTTER), bottoms[column], _height(part))
            bottoms[column] += _height(part) + _BETWEEN_BOXES
        top = max(bottoms) - _BETWEEN_BOXES + _BETWEEN_LAYERS
    return boxes, top - _BETWEEN_LAYERS + 2


def _pull(part: Component, boxes: dict[str, Box]) -> float:
    """Return the mean place of the components above that need this one."""
    above = [box.middle for box in boxes.values() if part.name in box.component.needs]
    return sum(above) / len(above) if above else _WIDTH / 2


def _tile_rows(names: tuple[str, ...]) -> int:
    return -(-min(len(names), _MOST_TILES) // _PER_ROW)


def _height(part: Component) -> float:
    return _HEAD + sum(_ROW + (_tile_rows(names) - 1) * _STEP for _, names in part.kinds) + _PAD - 4


def _box(box: Box) -> Markup:
    part = box.component
    where = f" · {', '.join(part.namespaces)}" if part.namespaces else ""
    drawn = [
        svg.element("title", f"{part.name}: {count(part.size, 'resource')}{where}"),
        svg.element("rect", x=box.x, y=box.y, width=_BOX, height=box.height, rx=6, class_="box"),
        svg.text(box.x + _PAD, box.y + 20, _cut(part.name, 28), "box-name"),
        svg.text(box.x + _PAD, box.y + 35, _cut(count(part.size, "resource") + where, 40), "box-note"),
    ]
    y = box.y + _HEAD + 13
    for kind, names in part.kinds:
        drawn.append(svg.text(box.x + _PAD, y, _cut(kind, 19), "kind"))
        drawn.append(svg.text(box.x + 138, y, str(len(names)), "kind-count", "end"))
        tile = "tile running" if kind in RUNNING else "tile"
        for index, name in enumerate(names[:_MOST_TILES]):
            column, row = index % _PER_ROW, index // _PER_ROW
            x = box.x + 146 + column * _STEP - 2
            drawn.append(
                svg.element(
                    "rect", svg.element("title", name), x=x, y=y - _TILE + row * _STEP, width=_TILE, height=_TILE, rx=1.5, class_=tile
                )
            )
        y += _ROW + (_tile_rows(names) - 1) * _STEP
    return svg.group(*drawn)


def _lines(boxes: dict[str, Box]) -> list[Markup]:
    drawn = []
    for box in boxes.values():
        needed = sorted((boxes[name] for name in box.component.needs if name in boxes), key=lambda other: other.middle)
        for index, other in enumerate(needed):
            out = box.x + _BOX * (index + 1) / (len(needed) + 1)
            users = sorted((user for user in boxes.values() if other.component.name in user.component.needs), key=lambda user: user.middle)
            into = other.x + _BOX * (users.index(box) + 1) / (len(users) + 1)
            begin, end = box.y + box.height, other.y - 2
            bend = max(18.0, (end - begin) / 2)
            d = " ".join(svg.number(value) for value in (out, begin + bend, into, end - bend, into, end))
            drawn.append(
                svg.element(
                    "path",
                    svg.element("title", f"{box.component.name} needs {other.component.name}"),
                    d=f"M{svg.number(out)} {svg.number(begin)}C{d}",
                    class_="need",
                    marker_end="url(#arrow)",
                )
            )
    return drawn


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
