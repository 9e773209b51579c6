"""The resource graph as a drawing: a box is a component, a tile an object, a line a dependency between components.

The layout depends on the graph alone. Components are drawn in layers, each above all that it needs; inside a layer they are ordered
so that few lines cross, and stacked into four columns. What most components need is drawn below a ground line instead of at the end
of a bundle of lines. Objects that run something are filled tiles, all others are outlined. What is not drawn is said in the picture.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from sandtable.report.charts import svg
from sandtable.report.styles import style
from sandtable.report.words.components import RUNNING, Component, components, counted, layers
from sandtable.report.words.quantities import count
from sandtable.terminal_escapes import seen
from stacks.graph import Graph

MOST_COMPONENTS: Final = 48
_COLUMNS, _WIDTH, _BOX, _GUTTER = 4, 1080.0, 252.0, 24.0
_TILE, _STEP, _PER_ROW, _MOST_TILES = 8.0, 10.0, 8, 32
_MANY_USERS: Final = 4
#: Letters in a line of notes below the picture, and the height of one.
_LETTERS, _LINE = 165, 16.0
#: Letters of a kind that fit between the edge of a box and the number before its tiles.
_KIND_LETTERS: Final = 17
#: Offset of the tiles in a box.
_TILES = _BOX - 12.0 - _PER_ROW * _STEP
_HEAD, _ROW, _PAD, _BETWEEN_BOXES, _BETWEEN_LAYERS = 44.0, 18.0, 12.0, 18.0, 46.0


@dataclass(frozen=True, slots=True)
class Box:
    """A component with its position."""

    component: Component
    x: float
    y: float
    height: float

    @property
    def middle(self) -> float:
        """Horizontal middle."""
        return self.x + _BOX / 2


def draw(parts: list[Component]) -> Markup:
    """Return the picture of at most :data:`MOST_COMPONENTS` components for a page that says how many there are and lists them all.

    Without components it is a sentence.
    """
    if not parts:
        return svg.element("p", "No resource graph was recorded.", class_="empty")
    return _draw(parts, parts[:MOST_COMPONENTS], "Each component is drawn above those it needs. The table below lists the same.")


def _draw(parts: list[Component], shown: list[Component], description: str, notes: Iterable[str] = ()) -> Markup:
    boxes, ground, height = _place(shown)
    total = sum(part.size for part in parts)
    title = f"{count(total, 'object')} in {count(len(parts), 'component')}"
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
    drawn = [svg.element("defs", arrow), *_lines(boxes, ground), *[_box(box, parts) for box in boxes.values()]]
    if ground is not None:
        drawn.append(svg.line(0, ground, _WIDTH, ground, "ground"))
        drawn.append(svg.text(_WIDTH / 2, ground - 7, "most components above need those below", "label", "middle"))
    lines = [line for note in notes for line in textwrap.wrap(note, _LETTERS)]
    drawn += [svg.text(_PAD, height + _LINE * number, line, "label") for number, line in enumerate(lines, 1)]
    return svg.picture("resources", title, description, (_WIDTH, height + _LINE * len(lines) + (_PAD if lines else 0)), drawn)


def picture(graph: Graph) -> str:
    """Return a whole graph as a standalone SVG file, light or dark as the reader prefers."""
    colours = Markup("").join(style(name) for name in ("colours", "charts"))
    parts = components(graph)
    if parts:
        drawn = str(_draw(parts, parts, "Each component stands above those it needs.", caption(graph)))
    else:
        texts = [svg.text(8, 24 + _LINE * number, line) for number, line in enumerate(["no resources", *map(seen, graph.unseen)])]
        drawn = str(svg.picture("resources", "No resources", "The graph is empty.", (_WIDTH, 24 + _LINE * len(texts)), texts))
    head, _, rest = drawn.partition(">")
    head = head.replace("<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH:g}" ', 1)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}><style>{colours}</style>{rest}\n'


def caption(graph: Graph) -> list[str]:
    """Return what a picture of the graph cannot show, in sentences."""
    whole = f"{counted(graph)}, from {graph.source or 'an unknown source'}."
    left_out = "Components without objects, providers, and needs that follow from others or close a circle are not drawn."
    return [f"{whole} {left_out}", *(f"Not seen: {seen(sentence)}" for sentence in graph.unseen)]


def _place(parts: list[Component]) -> tuple[dict[str, Box], float | None, float]:
    """Return the boxes, the y position of the ground line (None without one) and the height of the drawing."""
    ground = foundations(parts)
    needs = {part.name: {name for name in part.needs if name not in ground} for part in parts if part.name not in ground}
    heights = layers({name: needed & needs.keys() for name, needed in needs.items()})
    boxes: dict[str, Box] = {}
    top = _place_layers([part for part in parts if part.name in heights], heights, boxes, 2.0)
    if not ground:
        return boxes, None, top
    line = top + 24 if boxes else 14
    low = [part for part in parts if part.name in ground]
    return boxes, line, _place_layers(low, {part.name: part.layer for part in low}, boxes, line + 20)


def foundations(parts: list[Component]) -> set[str]:
    """Return the components that too many others need to draw lines to them, and everything those components need."""
    users = Counter(name for part in parts for name in part.needs)
    found = {name for name, number in users.items() if number >= max(_MANY_USERS, 0.4 * (len(parts) - 1))}
    by_name = {part.name: part for part in parts}
    open_ends = list(found)
    while open_ends:
        more = {name for name in by_name[open_ends.pop()].needs if name in by_name} - found
        found |= more
        open_ends += more
    return found


def _place_layers(parts: list[Component], heights: dict[str, int], boxes: dict[str, Box], top: float) -> float:
    """Add boxes layer by layer from ``top`` down; return the lower edge."""
    for layer in sorted({heights[part.name] for part in parts}, reverse=True):
        members = [part for part in parts if heights[part.name] == layer]
        members.sort(key=lambda part: (*_pull(part, boxes), part.name))
        columns = min(_COLUMNS, len(members))
        start = (_WIDTH - columns * _BOX - (columns - 1) * _GUTTER) / 2
        bottoms = [top] * columns
        for part in members:
            column = min(range(columns), key=lambda index: bottoms[index])
            boxes[part.name] = Box(part, start + column * (_BOX + _GUTTER), bottoms[column], _height(part))
            bottoms[column] += _height(part) + _BETWEEN_BOXES
        top = max(bottoms) - _BETWEEN_BOXES + _BETWEEN_LAYERS
    return top - _BETWEEN_LAYERS + 2 if parts else top


def _pull(part: Component, boxes: dict[str, Box]) -> tuple[bool, float]:
    """Return a sort key: components that others need come first, ordered by the mean position of those others."""
    above = [box.middle for box in boxes.values() if part.name in box.component.needs]
    return (not above, sum(above) / len(above) if above else 0.0)


def _tile_rows(names: tuple[str, ...]) -> int:
    return -(-min(len(names), _MOST_TILES) // _PER_ROW)


def _height(part: Component) -> float:
    return _HEAD + sum(_ROW + (_tile_rows(names) - 1) * _STEP for _, names in part.kinds) + _PAD - 4


def _box(box: Box, parts: list[Component]) -> Markup:
    part = box.component
    users = sum(part.name in other.needs for other in parts)
    # No lines lead to what many components need; the number of those components is shown instead.
    note = f"needed by {users}" if users >= _MANY_USERS else ", ".join(part.namespaces)
    where = f" · {note}" if note else ""
    drawn = [
        svg.element("title", f"{part.name}: {count(part.size, 'object')}{where}"),
        svg.element("rect", x=box.x, y=box.y, width=_BOX, height=box.height, rx=6, class_="box"),
        svg.text(box.x + _PAD, box.y + 20, _cut(part.name, 28), "box-name"),
        svg.text(box.x + _PAD, box.y + 35, _cut(count(part.size, "object") + where, 40), "box-note"),
    ]
    y = box.y + _HEAD + 13
    for kind, names in part.kinds:
        drawn.append(svg.text(box.x + _PAD, y, _middle_cut(kind, _KIND_LETTERS), "kind"))
        drawn.append(svg.text(box.x + _TILES - 6, y, str(len(names)), "kind-count", "end"))
        tile = "tile running" if kind in RUNNING else "tile"
        shown = names if len(names) <= _MOST_TILES else names[: _MOST_TILES - _PER_ROW]
        for index, name in enumerate(shown):
            column, row = index % _PER_ROW, index // _PER_ROW
            x = box.x + _TILES + column * _STEP
            drawn.append(
                svg.element(
                    "rect", svg.element("title", name), x=x, y=y - _TILE + row * _STEP, width=_TILE, height=_TILE, rx=1.5, class_=tile
                )
            )
        if more := len(names) - len(shown):
            drawn.append(svg.text(box.x + _TILES, y + (_tile_rows(names) - 1) * _STEP, f"and {more} more", "kind"))
        y += _ROW + (_tile_rows(names) - 1) * _STEP
    return svg.group(*drawn)


def _lines(boxes: dict[str, Box], ground: float | None) -> list[Markup]:
    """Return the lines on either side of the ground line; no line crosses it."""
    drawn = []

    def joined(user: Box, needed: Box) -> bool:
        return needed.component.name in user.component.needs and (ground is None or (user.y > ground) is (needed.y > ground))

    for box in boxes.values():
        needed = sorted((other for other in boxes.values() if joined(box, other)), key=lambda other: other.middle)
        for index, other in enumerate(needed):
            out = box.x + _BOX * (index + 1) / (len(needed) + 1)
            users = sorted((user for user in boxes.values() if joined(user, other)), key=lambda user: user.middle)
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


def _middle_cut(text: str, most: int) -> str:
    """Shorten in the middle, because kinds differ at the end: ``ValidatingAdmissionPolicy`` and its ``…Binding``."""
    return text if len(text) <= most else f"{text[: most - 9]}…{text[-8:]}"
