"""Reading the tables of this folder: TOML in which each value is a pair of a number and the key of its source."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from simulations.errors import CalibrationError

_Row = TypeVar("_Row")


def read(name: str) -> Iterator[tuple[str, dict[str, float], dict[str, str]]]:
    """Yield each row's name, its values and their sources; the keys of nested tables are joined with a dot."""
    document = tomllib.loads(Path(__file__).with_name(name).read_text())
    known: Mapping[str, str] = document.pop("sources")
    for title, table in document.items():
        pairs = dict(_flat(table))
        yield title, {key: number for key, (number, _) in pairs.items()}, {key: known[source] for key, (_, source) in pairs.items()}


def row(table: Mapping[str, _Row], name: str, what: str) -> _Row:
    """Return the row ``name`` of ``table``.

    Raises:
        CalibrationError: there is none; the message lists the known ones and the nearest.
    """
    if (found := table.get(name)) is not None:
        return found
    near = difflib.get_close_matches(name, table, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise CalibrationError(f"no published figures for {what} {name!r}; known: {', '.join(sorted(table))}{hint}")


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, tuple[float, str]]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            number, source = value
            yield f"{prefix}{key}", (number, source)
