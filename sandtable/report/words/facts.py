"""The labelled fields of a part of a document, ready for a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandtable.document.parts.base import labelled
from sandtable.report.words.quantities import figure, percent

if TYPE_CHECKING:
    from sandtable.document.parts.base import Part

_SUFFIXES: Final = {"ms": " ms", "us": " µs", "s": " s", "per_s": "/s"}


@dataclass(frozen=True, slots=True)
class Item:
    """A figure with its label and its source."""

    label: str
    value: str
    note: str = ""


def facts(part: Part) -> list[Item]:
    """Return every labelled field of ``part`` that has a value, as text with its unit."""
    values = ((label, getattr(part, name)) for name, label in labelled(type(part)))
    return [Item(label.words, _written(value, label.unit)) for label, value in values if value is not None]


def _written(value: float | str, unit: str) -> str:
    if isinstance(value, str):
        return value
    if unit == "share":
        return percent(value)
    return figure(value, "count" if unit == "count" else "") + _SUFFIXES.get(unit, "")
