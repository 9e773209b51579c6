"""A small SVG writer: escaped, deterministic, short.

Rule 1: every value is escaped, including characters that XML cannot carry; only :class:`markupsafe.Markup` made here passes unchanged.
Rule 2: a chart has a title and a description for screen readers, and a data table next to it on the page.
Rule 3: no colours here; elements carry classes, and the style sheet gives light, dark and print their own.
"""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup, escape

from sandtable.terminal_escapes import seen

Child = str | Markup
Value = str | float


def element(name: str, *children: Child, **attributes: Value | None) -> Markup:
    """Return one element; ``class_`` becomes ``class``, other underscores become dashes, None leaves an attribute out.

    >>> str(element("text", "a < b", x=1.50, class_="note"))
    '<text x="1.5" class="note">a &lt; b</text>'
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{number(value) if isinstance(value, int | float) else escape(seen(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    # Tag and attribute names are literals of this package; values and children are escaped.
    if not children:
        return Markup(f"<{name}{written}/>")  # noqa: S704
    content = "".join(str(child if isinstance(child, Markup) else escape(seen(child))) for child in children)
    return Markup(f"<{name}{written}>{content}</{name}>")  # noqa: S704


def number(value: float) -> str:
    """Return a coordinate with at most one decimal.

    >>> number(12.0), number(3.14159), number(-0.01)
    ('12', '3.1', '0')
    """
    text = f"{value:.1f}"
    text = text.removesuffix(".0")
    return "0" if text == "-0" else text


def picture(ident: str, title: str, description: str, size: tuple[float, float], children: Iterable[Child]) -> Markup:
    """Return a whole ``svg`` that scales with its container; ``ident`` must be unique on the page; ``size`` is in pixels."""
    return element(
        "svg",
        element("title", title, id=f"{ident}-title"),
        element("desc", description, id=f"{ident}-desc"),
        *children,
        role="img",
        aria_labelledby=f"{ident}-title {ident}-desc",
        viewBox=f"0 0 {number(size[0])} {number(size[1])}",
        class_=f"chart {ident.partition('-')[0]}",
    )


def group(*children: Child, **attributes: Value | None) -> Markup:
    """Return a ``g``."""
    return element("g", *(children or (Markup(""),)), **attributes)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """Return a straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def text(x: float, y: float, content: str, class_: str | None = None, anchor: str | None = None) -> Markup:
    """Return a text; ``anchor`` is ``start`` (default), ``middle`` or ``end``."""
    return element("text", content, x=x, y=y, class_=class_, text_anchor=anchor)


def path(points: Iterable[tuple[float, float]], class_: str, *, closed: bool = False) -> Markup:
    """Return a polyline through ``points``."""
    drawn = " ".join(f"{'L' if index else 'M'}{number(x)} {number(y)}" for index, (x, y) in enumerate(points))
    return element("path", d=drawn + ("Z" if closed else ""), class_=class_)
