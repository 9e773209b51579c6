"""``sandtable validate``: published results beside those of the models."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Literal, Self

from sandtable.document.parts.base import Figure, Interval, Part

if TYPE_CHECKING:
    from simulations.validation import Result, Row
    from simulations.validation.row import Judged


class PublishedFigure(Part):
    """One number of a published result."""

    name: str
    expected: Figure = None
    got: Figure = None
    n: int = 1
    """Samples; 1 for a computation."""
    ci95: Interval | None = None
    """Null without sampling error."""
    tolerance: str = ""
    held: bool = False

    @classmethod
    def taken(cls, value: Judged, given: Collection[str] = ()) -> dict[str, Any]:  # noqa: ARG003  # all of it is said here
        """Return the fields taken from a judged figure."""
        figure = value.figure
        ci95 = None if math.isnan(figure.low) else (figure.low, figure.high)
        found = {"name": figure.name, "expected": figure.expected, "got": figure.got, "n": figure.n}
        return found | {"ci95": ci95, "tolerance": value.tolerance, "held": value.held}


class PublishedRow(Part):
    """One published result, and what became of it."""

    id: str
    setup: str = ""
    source: str = ""
    expected: str = ""
    tolerance: str = ""
    """Declared with the row; a figure may have one of its own."""
    limits: str = ""
    """Where the agreement ends."""
    verdict: Literal["held", "missed", "skipped"] | None = None
    """Null where the row was only listed."""
    reason: str = ""
    """Why it was missed or skipped."""
    figures: tuple[PublishedFigure, ...] = ()

    @classmethod
    def taken(cls, value: Result, given: Collection[str] = ()) -> dict[str, Any]:  # noqa: ARG003  # all of it is said here
        """Return the fields taken from a result."""
        return _said(value.row) | {"verdict": value.verdict, "reason": value.reason, "figures": value.figures}

    @classmethod
    def listed(cls, row: Row) -> Self:
        """Return a row that was not run."""
        return cls.model_validate(_said(row))


def _said(row: Row) -> dict[str, Any]:
    said = {name: getattr(row, name) for name in ("id", "setup", "source", "expected", "limits")}
    return said | {"tolerance": row.tolerance.words}


class Validation(Part):
    """Every published result."""

    held: int = 0
    missed: int = 0
    skipped: int = 0
    rows: tuple[PublishedRow, ...] = ()

    @classmethod
    def of_rows(cls, rows: Collection[PublishedRow]) -> Validation:
        """Return the document of ``rows``."""
        counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in ("held", "missed", "skipped")}
        return cls.model_validate({**counts, "rows": tuple(rows)})
