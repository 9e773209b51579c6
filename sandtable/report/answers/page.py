"""A page of sections, each with a picture and the table of its data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from sandtable.report.styles import style

_TEMPLATES: Final = Path(__file__).parents[1] / "templates"


@dataclass(frozen=True, slots=True)
class Section:
    """``pictures`` stand side by side where they fit, broad ones alone. The first cell of a row is its heading."""

    ident: str
    heading: str
    lead: str
    pictures: Sequence[Markup] = ()
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    broad: bool = False
    notes: Sequence[str] = field(default=())


def render(title: str, headline: str, sections: Sequence[Section]) -> str:
    """Return the page; all words are escaped."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    sheets = Markup("").join(style(name) for name in ("colours", "page", "tables", "charts", "print"))
    return environment.get_template("answer.html.j2").render(title=title, headline=headline, sections=sections, style=sheets)
