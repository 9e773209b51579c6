"""Times of a trace: parsing them, and detecting wrong ones.

Rule 1: a time is text (ISO 8601 as Azure and most databases write it, UTC without an offset) or a number. The size of a number since 1970
shows its unit: until the year 2286 seconds, milliseconds, microseconds and nanoseconds are three digits apart. A smaller number counts from
an arbitrary start, in the unit of the format, if that has one.
Rule 2: if times contradict each other, as few rows as possible are considered wrong, so one time in the future does not invalidate all rows
after it. Rows that are more than a year away from most of the others are wrong, too.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final

NS_PER_S: Final = 1_000_000_000
_YEAR_NS: Final = 366 * 86_400 * NS_PER_S
_EXAMPLE: Final = "2023-11-16 18:17:03.9799600"
_TEXT: Final = re.compile(
    r"^(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))? ?(Z|UTC|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)?$", re.ASCII | re.IGNORECASE
)
_NUMBER: Final = re.compile(r"^[0-9]{1,20}(?:\.[0-9]{1,9})?$", re.ASCII)
_EPOCH: Final[tuple[tuple[int, int], ...]] = tuple((10**digits, NS_PER_S // 10 ** (digits - 9)) for digits in (9, 12, 15, 18))
"""For each unit the smallest number since 1970 (in 2001; the limit is ten times that), and the unit in nanoseconds."""


class BadValueError(ValueError):
    """Why a row of a trace is bad."""


def from_text(text: str, *, name: str, shown: str) -> int:
    """Return nanoseconds since 1970; ``datetime`` alone would cut Azure's digits of 100 ns.

    Raises:
        BadValueError: its format is unknown, or its unit is unclear; ``name`` and ``shown`` identify the value in the text.
    """
    if _NUMBER.match(text):
        if (when := since_1970(Fraction(text))) is None:
            raise BadValueError(f"{name} {shown} is a number of unknown unit; write times such as {_EXAMPLE}, or seconds since 1970")
        return when
    if (match := _TEXT.match(text)) is None:
        raise BadValueError(f"{name} {shown} is not a time such as {_EXAMPLE}")
    offset = (match[3] or "Z").upper().replace("UTC", "Z")
    try:
        whole = datetime.fromisoformat(match[1] + offset)
    except ValueError as error:  # it looks like a time but is not one, such as 31 February
        raise BadValueError(f"{name} {shown}: {error}") from error
    since = whole - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * NS_PER_S + int((match[2] or "0").ljust(9, "0"))


def since_1970(number: float | Fraction) -> int | None:
    """Return nanoseconds since 1970 if, by its size, ``number`` is such a time in one of the four units; else None.

    >>> since_1970(1_700_158_623), since_1970(1_700_158_623_979), since_1970(27_000)
    (1700158623000000000, 1700158623979000000, None)
    """
    for smallest, unit_ns in _EPOCH:
        if smallest <= number < 10 * smallest:
            return round(Fraction(number) * unit_ns)
    return None


def contradictions(times_ns: Sequence[int]) -> dict[int, str]:
    """Return the smallest set of times that must be wrong for the rest to be in order and close together: reasons by index.

    If two times contradict only each other, the later row is the wrong one.
    """
    wrong = dict.fromkeys(_far_away(times_ns), "its time is more than a year away from most others")
    near = [index for index in range(len(times_ns)) if index not in wrong]
    kept = {near[position] for position in _longest_rising([times_ns[index] for index in near])}
    above = None
    for index in near:
        if index in kept:
            above = times_ns[index]
        else:
            falls = above is not None and times_ns[index] < above
            wrong[index] = "its time is before that of the row above" if falls else "its time is after that of the rows below"
    return wrong


def _longest_rising(times: Sequence[int]) -> list[int]:
    """Return the indices of a longest non-decreasing subsequence (Fredman, Discrete Mathematics 11 (1975) 29), in order.

    It is built from the end, so that among equally long ones the one with the earlier rows is found.
    """
    ends: list[int] = []  # negated first times of the best subsequences so far, by length
    where: list[int] = []
    after = [-1] * len(times)
    for index in range(len(times) - 1, -1, -1):
        length = bisect_right(ends, -times[index])
        after[index] = where[length - 1] if length else -1
        ends[length : length + 1] = [-times[index]]
        where[length : length + 1] = [index]
    kept = []
    index = where[-1] if where else -1
    while index >= 0:
        kept.append(index)
        index = after[index]
    return kept


def _far_away(times: Sequence[int]) -> list[int]:
    """Return the indices of times that a gap of more than a year separates from most others."""
    groups: list[list[int]] = []
    for index in sorted(range(len(times)), key=times.__getitem__):
        if not groups or times[index] - times[groups[-1][-1]] > _YEAR_NS:
            groups.append([])
        groups[-1].append(index)
    most = max(groups, key=len, default=[])
    return [index for group in groups if group is not most for index in group]
