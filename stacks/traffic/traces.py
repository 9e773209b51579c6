"""Reading recorded traffic.

Rule 1: two formats, told apart by the first line that is a header or a whole row of one of them: CSV with TIMESTAMP (UTC, up to nine
fractional digits), ContextTokens and GeneratedTokens (Azure LLM inference traces), and JSON lines with timestamp (milliseconds),
input_length and output_length (Mooncake), and with hash_ids where the blocks of the prompts are known. Other columns and keys are ignored.
Either may be compressed with gzip.
Rule 2: a row is good or bad, never changed: its lengths must be integers of at least 1 (``6758.0`` is accepted), and its time must agree
with the others (``trace_times.py``).
Rule 3: bad rows are counted and the first is described; the user decides whether to continue without them.
Rule 4: how many tokens a block has is not in the file. It is the power of two that agrees with the lengths of the most prompts.
"""

from __future__ import annotations

import gzip
import math
import zlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from stacks.traffic.errors import BadTraceRowsError, EmptyTraceError, TraceError, UnknownTraceFormatError, UnreadableTraceError
from stacks.traffic.trace_rows import CSV_COLUMNS, JSON_KEYS, columns_of, csv_rows, is_number, json_rows, parse_csv, parse_json
from stacks.traffic.trace_times import NS_PER_S, BadValueError, contradictions, since_1970

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from stacks.traffic.trace_rows import Parsed, Raw

_GZIP: Final = b"\x1f\x8b"
_BLOCK_SIZES: Final = (512, 16, *(1 << power for power in range(15) if power not in (4, 9)))
"""Powers of two. Mooncake's and vLLM's own come first: of those that agree equally well the first is taken."""
_MOST_AGREE: Final = 0.9
_MOST_PER_S: Final = 100.0
"""Requests per second above which fractional milliseconds are assumed to be seconds."""


@dataclass(frozen=True, slots=True)
class TraceRow:
    """One recorded request: seconds since the first row, tokens in and out, and the hashes of the prompt's blocks, if they are known."""

    at_s: float
    prompt_tokens: int
    output_tokens: int
    blocks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be replayed: its line number in the file (from 1), its text, and what is wrong with it."""

    line: int
    text: str
    why: str

    def __str__(self) -> str:
        text = self.text if len(self.text) <= 80 else self.text[:79] + "…"
        return f"line {self.line}, {text!r}: {self.why}"


@dataclass(frozen=True, slots=True)
class Trace:
    """The good rows of a file, in order of time, and the rows that were left out. ``block_tokens`` is 0 if no row has blocks."""

    path: Path
    rows: tuple[TraceRow, ...]
    bad: int
    first_bad: BadRow | None
    block_tokens: int = 0

    @property
    def rate_per_s(self) -> float:
        """Mean rate over the span of the rows; infinite if all have the same time."""
        span = self.rows[-1].at_s
        return (len(self.rows) - 1) / span if span else math.inf


def read_trace(path: Path, *, skip_bad_rows: bool = False) -> Trace:
    """Read ``path``.

    Raises:
        UnreadableTraceError: the file does not exist, may not be read, is damaged or is not UTF-8.
        UnknownTraceFormatError: it is in neither of the two formats.
        TraceError: a column occurs twice, or the times look like seconds where milliseconds belong.
        BadTraceRowsError: there are bad rows, and ``skip_bad_rows`` is not set.
        EmptyTraceError: there is no good row.
    """
    lines = _lines(path)
    if not any(line.strip() for line in lines):
        raise EmptyTraceError(path, bad=0)
    header = _header(path, lines)
    trace = _json_trace(path, lines) if header is None else _collect(path, csv_rows(lines, header), parse_csv)
    if trace.first_bad and not skip_bad_rows:
        raise BadTraceRowsError(path, bad=trace.bad, total=trace.bad + len(trace.rows), first=str(trace.first_bad))
    if not trace.rows:
        raise EmptyTraceError(path, bad=trace.bad)
    return trace


def _json_trace(path: Path, lines: list[str]) -> Trace:
    """Read JSON lines: times are in any unit since 1970 if nine of ten can be that, else milliseconds from some start.

    Raises:
        TraceError: the times look like seconds.
    """
    raw = list(json_rows(lines))
    numbers = [when for _, _, row in raw if isinstance(row, dict) and is_number(when := row.get("timestamp"))]
    epoch = sum(since_1970(when) is not None for when in numbers) > 0.9 * len(numbers)
    trace = _collect(path, raw, partial(parse_json, epoch=epoch))
    parts = any(isinstance(when, float) and not when.is_integer() for when in numbers)
    if parts and not epoch and len(trace.rows) > 1 and _MOST_PER_S < trace.rate_per_s < math.inf:
        raise TraceError(
            path,
            f"timestamp counts milliseconds, and these look like seconds: {len(trace.rows)} rows within "
            f"{trace.rows[-1].at_s * 1e3:.3g} ms are {trace.rate_per_s:,.0f} requests/s; multiply them by 1000",
        )
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
    """Return the index of the header of a CSV file; None if the rows are JSON."""
    found: list[str] = []
    for index, line in enumerate(lines):
        if not line.strip():
            continue
        names = columns_of(line)
        if set(JSON_KEYS) <= set(names) and line.lstrip().startswith("{"):
            return None
        if set(CSV_COLUMNS) <= set(names):
            if double := [column for column in CSV_COLUMNS if names.count(column) > 1]:
                raise TraceError(path, f"the column {double[0]} occurs twice; remove one")
            return index
        found = found or names
    raise UnknownTraceFormatError(path, found, (CSV_COLUMNS, JSON_KEYS))


def _collect(path: Path, raw: Iterable[Raw], parse: Callable[[Any], Parsed]) -> Trace:
    read: list[tuple[int, str, Parsed]] = []
    bad: list[BadRow] = []
    for line, text, value in raw:
        try:
            read.append((line, text, parse(value)))
        except BadValueError as problem:
            bad.append(BadRow(line, text, str(problem)))
    times = [parsed[0] for _, _, parsed in read]
    wrong = contradictions(times)
    bad += [BadRow(*read[index][:2], why) for index, why in wrong.items()]
    start = next((when for index, when in enumerate(times) if index not in wrong), 0)
    rows = tuple(
        TraceRow((when - start) / NS_PER_S, prompt, output, blocks)
        for index, (_, _, (when, prompt, output, blocks)) in enumerate(read)
        if index not in wrong
    )
    return Trace(path, rows, len(bad), min(bad, key=lambda row: row.line, default=None), _block_tokens(path, rows))


def _block_tokens(path: Path, rows: Sequence[TraceRow]) -> int:
    """Return the tokens of a block.

    Raises:
        TraceError: no size agrees with the lengths of most prompts.
    """
    known = [(row.prompt_tokens, len(row.blocks)) for row in rows if row.blocks]
    if not known:
        return 0
    # A prompt's last block may be a part of one, and some tools leave that out.
    agree = {size: sum(blocks in (tokens // size, -(-tokens // size)) for tokens, blocks in known) for size in _BLOCK_SIZES}
    size = max(_BLOCK_SIZES, key=lambda size: agree[size])
    if agree[size] < _MOST_AGREE * len(known):
        raise TraceError(
            path,
            f"hash_ids has one hash for each block of a prompt, and no block size agrees with the lengths: {size} tokens come closest, "
            f"for {agree[size]:,} of {len(known):,} prompts; correct them, or remove the key",
        )
    return size
