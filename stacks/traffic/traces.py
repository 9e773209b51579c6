"""Reading recorded traffic.

Rule 1: two formats, told apart by the first line that is a header or a whole row of one of them: CSV with TIMESTAMP (UTC, up to nine
fractional digits), ContextTokens and GeneratedTokens (Azure LLM inference traces), and JSON lines with timestamp (milliseconds),
input_length and output_length (Mooncake). Further columns and keys are left alone. Either may be packed with gzip.
Rule 2: a row is good or bad, never mended: numbers are whole and at least 1, times do not run backwards.
Rule 3: bad rows are counted and the first is described; whether to go on is the user's decision.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
import re
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from stacks.traffic.errors import BadTraceRowsError, EmptyTraceError, TraceError, UnknownTraceFormatError, UnreadableTraceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CSV_COLUMNS: Final = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
JSON_KEYS: Final = ("timestamp", "input_length", "output_length")
_GZIP: Final = b"\x1f\x8b"
_WHOLE: Final = re.compile(r"-?[0-9]{1,9}")
_MOST_TOKENS: Final = 999_999_999
_SHOWN: Final = 60  # characters of a value in a message
_LATEST_MS: Final = 1e15  # 30,000 years; keeps NaN, infinity and the like out
_SECONDS = re.compile(r"^(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)?$", re.ASCII)


@dataclass(frozen=True, slots=True)
class TraceRow:
    """One recorded request: seconds since the first row, tokens in and out."""

    at_s: float
    prompt_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be replayed: line number in the file (from 1), its text, what is wrong with it."""

    line: int
    text: str
    why: str

    def __str__(self) -> str:
        text = self.text if len(self.text) <= 80 else self.text[:79] + "…"
        return f"line {self.line}, {text!r}: {self.why}"


@dataclass(frozen=True, slots=True)
class Trace:
    """The good rows of a file, in order of time, and what was left out."""

    path: Path
    rows: tuple[TraceRow, ...]
    bad: int
    first_bad: BadRow | None

    @property
    def rate_per_s(self) -> float:
        """Mean rate over the span of the rows; infinite where all have the same time."""
        span = self.rows[-1].at_s
        return (len(self.rows) - 1) / span if span else math.inf


# A row as read: line number, its text, and what to parse (or the reason why it cannot be).
_Raw = tuple[int, str, Any]
_Parsed = tuple[int, int, int]  # nanoseconds, prompt tokens, output tokens


class _BadValueError(ValueError):
    """Why a row is bad."""


def read_trace(path: Path, *, skip_bad_rows: bool = False) -> Trace:
    """Read ``path``.

    Raises:
        UnreadableTraceError: no such file, no right to read it, damaged, or not UTF-8.
        UnknownTraceFormatError: neither of the two formats.
        TraceError: a column stands twice.
        BadTraceRowsError: bad rows, and ``skip_bad_rows`` is not set.
        EmptyTraceError: not one good row.
    """
    lines = _lines(path)
    if not any(line.strip() for line in lines):
        raise EmptyTraceError(path, bad=0)
    header = _header(path, lines)
    trace = _collect(path, *((_json_rows(lines), _parse_json) if header is None else (_csv_rows(lines, header), _parse_csv)))
    if trace.first_bad and not skip_bad_rows:
        raise BadTraceRowsError(path, bad=trace.bad, total=trace.bad + len(trace.rows), first=str(trace.first_bad))
    if not trace.rows:
        raise EmptyTraceError(path, bad=trace.bad)
    return trace


def _lines(path: Path) -> list[str]:
    try:
        content = path.read_bytes()
        if content.startswith(_GZIP):
            content = gzip.decompress(content)
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    except UnicodeDecodeError as error:
        raise UnreadableTraceError(path, f"not UTF-8 text (byte {error.start})") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableTraceError(path, f"a damaged gzip file ({error})") from error
    except OSError as error:
        raise UnreadableTraceError(path, error.strerror or str(error)) from error


def _header(path: Path, lines: list[str]) -> int | None:
    """Return the index of the header of a CSV file; None where the rows are JSON."""
    found: list[str] = []
    for index, line in enumerate(lines):
        if not line.strip():
            continue
        names = _names(line)
        if set(JSON_KEYS) <= set(names) and line.lstrip().startswith("{"):
            return None
        if set(CSV_COLUMNS) <= set(names):
            if double := [column for column in CSV_COLUMNS if names.count(column) > 1]:
                raise TraceError(path, f"the column {double[0]} stands twice; leave one")
            return index
        found = found or names
    raise UnknownTraceFormatError(path, found, (CSV_COLUMNS, JSON_KEYS))


def _names(line: str) -> list[str]:
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


def _collect(path: Path, raw: Iterator[_Raw], parse: Callable[[Any], _Parsed]) -> Trace:
    rows: list[TraceRow] = []
    bad: list[BadRow] = []
    start = latest = None
    for line, text, value in raw:
        try:
            when, prompt, output = parse(value)
            _check_order(latest, when)
        except _BadValueError as problem:
            bad.append(BadRow(line, text, str(problem)))
            continue
        start = when if start is None else start
        latest = when
        rows.append(TraceRow((when - start) / 1e9, prompt, output))
    return Trace(path, tuple(rows), len(bad), bad[0] if bad else None)


def _check_order(latest: int | None, when: int) -> None:
    if latest is not None and when < latest:
        raise _BadValueError("its time is before that of the row above")


def _csv_rows(lines: list[str], header: int) -> Iterator[_Raw]:
    for number, line in enumerate(lines[:header], start=1):
        if line.strip():
            yield number, line, _BadValueError("it stands above the header")
    columns = _names(lines[header])
    where = [columns.index(name) for name in CSV_COLUMNS]
    # Each line is read by itself: a stray quote spoils one row instead of swallowing the rest of the file.
    for number, line in enumerate(lines[header + 1 :], start=header + 2):
        if line.strip():
            yield number, line, _cells(line, len(columns), where)


def _cells(line: str, count: int, where: list[int]) -> list[str] | _BadValueError:
    try:
        cells = next(csv.reader([line]))
    except csv.Error as error:
        return _BadValueError(str(error))
    if len(cells) != count:
        return _BadValueError(f"{len(cells)} cells where the header has {count}")
    return [cells[i].strip() for i in where]


def _parse_csv(cells: Any) -> _Parsed:
    if isinstance(cells, _BadValueError):
        raise cells
    when, prompt, output = cells
    return _nanoseconds(when), _count("ContextTokens", prompt), _count("GeneratedTokens", output)


def _nanoseconds(text: str) -> int:
    """Return nanoseconds since 1970; ``datetime`` alone would cut Azure's digits of 100 ns."""
    if (match := _SECONDS.match(text)) is None:
        raise _BadValueError(f"TIMESTAMP {_shown(text)} is not a time such as 2023-11-16 18:17:03.9799600")
    try:
        whole = datetime.fromisoformat(match[1] + (match[3] or "+00:00"))
    except ValueError as error:  # it has the form of a time, but there is no 31 February
        raise _BadValueError(f"TIMESTAMP {text!r}: {error}") from error
    since = whole - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + int((match[2] or "0").ljust(9, "0"))


def _json_rows(lines: list[str]) -> Iterator[_Raw]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            row = _BadValueError(f"not JSON: {error}")
        yield number, line, row


def _parse_json(row: Any) -> _Parsed:
    if isinstance(row, _BadValueError):
        raise row
    if not isinstance(row, dict):
        raise _BadValueError("not a JSON object")
    if missing := [key for key in JSON_KEYS if key not in row]:
        raise _BadValueError(f"{missing[0]!r} is missing")
    when = row["timestamp"]
    if isinstance(when, bool) or not isinstance(when, int | float) or not abs(when) <= _LATEST_MS:
        raise _BadValueError(f"timestamp {_shown(when)} is not a number of milliseconds")
    if when < 0:
        raise _BadValueError(f"timestamp {when!r} is negative")
    return round(when * 1e6), _count("input_length", row["input_length"]), _count("output_length", row["output_length"])


def _count(name: str, value: Any) -> int:
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value > _MOST_TOKENS:
        raise _BadValueError(f"{name} {_shown(value)} is not a whole number of at most nine digits")
    if value < 1:
        raise _BadValueError(f"{name} {_shown(value)} is less than 1")
    return value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
