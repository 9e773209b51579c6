"""Rows of a trace, parsed from its lines in both formats: their values, or why they are bad."""

from __future__ import annotations

import csv
import json
import re
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from stacks.traffic.trace_times import BadValueError, from_text, since_1970

if TYPE_CHECKING:
    from collections.abc import Iterator

CSV_COLUMNS: Final = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
JSON_KEYS: Final = ("timestamp", "input_length", "output_length")
_WHOLE: Final = re.compile(r"(-?[0-9]{1,9})(?:\.0*)?")
_MOST_TOKENS: Final = 999_999_999
_SHOWN: Final = 60  # characters of a value in a message
_LATEST: Final = 1e19  # nanoseconds until 2286; keeps NaN, infinity and the like out

Raw = tuple[int, str, Any]
"""A raw row: line number, text, and the value to parse (or the reason why it cannot be parsed)."""
BLOCKS: Final = "hash_ids"
Parsed = tuple[int, int, int, tuple[int, ...]]
"""Nanoseconds, prompt tokens, output tokens, hashes of the prompt's blocks (empty: not recorded)."""


def columns_of(line: str) -> list[str]:
    """Return the keys of a JSON object, or the columns of a line of CSV."""
    if line.lstrip().startswith("{"):
        try:
            return list(json.loads(line))
        except (ValueError, RecursionError):
            return []
    try:
        return [column.strip() for column in next(csv.reader([line]))]
    except csv.Error:
        return []


def csv_rows(lines: list[str], header: int) -> Iterator[Raw]:
    """Yield the rows of a CSV file whose header is ``lines[header]``."""
    for number, line in enumerate(lines[:header], start=1):
        if line.strip():
            yield number, line, BadValueError("it is above the header")
    columns = columns_of(lines[header])
    where = [columns.index(name) for name in CSV_COLUMNS]
    # Each line is read separately, so a stray quote spoils one row instead of swallowing the rest of the file.
    for number, line in enumerate(lines[header + 1 :], start=header + 2):
        if line.strip():
            yield number, line, _cells(line, len(columns), where)


def _cells(line: str, count: int, where: list[int]) -> list[str] | BadValueError:
    try:
        cells = next(csv.reader([line]))
    except csv.Error as error:
        return BadValueError(str(error))
    if len(cells) != count:
        return BadValueError(f"{len(cells)} cells where the header has {count}")
    return [cells[i].strip() for i in where]


def parse_csv(cells: Any) -> Parsed:
    """Read one row.

    Raises:
        BadValueError: it is bad.
    """
    if isinstance(cells, BadValueError):
        raise cells
    when, prompt, output = cells
    return from_text(when, name="TIMESTAMP", shown=shown(when)), _count("ContextTokens", prompt), _count("GeneratedTokens", output), ()


def json_rows(lines: list[str]) -> Iterator[Raw]:
    """Yield the rows of JSON lines."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            row = BadValueError(f"not JSON: {error}")
        yield number, line, row


def _object(pairs: list[tuple[str, Any]]) -> Any:
    names = [name for name, _ in pairs]
    twice = [name for name in JSON_KEYS if names.count(name) > 1]
    return BadValueError(f"{twice[0]!r} occurs twice") if twice else dict(pairs)


def parse_json(row: Any, *, epoch: bool) -> Parsed:
    """Read one row; ``epoch``: its time is a number since 1970, else in milliseconds.

    Raises:
        BadValueError: it is bad.
    """
    if isinstance(row, BadValueError):
        raise row
    if not isinstance(row, dict):
        raise BadValueError("not a JSON object")
    if missing := [key for key in JSON_KEYS if key not in row]:
        raise BadValueError(f"{missing[0]!r} is missing")
    return (
        _json_time(row["timestamp"], epoch=epoch),
        _count("input_length", row["input_length"]),
        _count("output_length", row["output_length"]),
        _blocks(row.get(BLOCKS, [])),
    )


def _blocks(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(type(one) is int for one in value):
        raise BadValueError(f"{BLOCKS} {shown(value)} is not a list of whole numbers")
    return tuple(value)


def _json_time(when: Any, *, epoch: bool) -> int:
    if isinstance(when, str) and "-" in when:
        return from_text(when.strip(), name="timestamp", shown=shown(when))
    if not is_number(when):
        raise BadValueError(f"timestamp {shown(when)} is not a number of milliseconds")
    if when < 0:
        raise BadValueError(f"timestamp {when!r} is negative")
    if not epoch:
        return round(when * 1e6)
    if (since := since_1970(when)) is None:
        raise BadValueError(f"timestamp {shown(when)} is no time since 1970, as most others are")
    return since


def is_number(when: Any) -> TypeGuard[int | float]:
    """Whether ``when`` is a number that can be a time."""
    return isinstance(when, int | float) and not isinstance(when, bool) and abs(when) <= _LATEST


def _count(name: str, value: Any) -> int:
    if isinstance(value, str) and (match := _WHOLE.fullmatch(value)):
        value = int(match[1])
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value > _MOST_TOKENS:
        raise BadValueError(f"{name} {shown(value)} is not a whole number of at most nine digits")
    if value < 1:
        raise BadValueError(f"{name} {shown(value)} is less than 1")
    return value


def shown(value: Any) -> str:
    """Return ``value`` as a message shows it."""
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
