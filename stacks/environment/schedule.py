"""Schedules of CronJobs: the syntax that Kubernetes accepts.

Five fields, or a macro such as ``@hourly``, as parsed by robfig/cron's ``ParseStandard``, which the API server calls. A time zone is not
allowed here, because the CronJob has its own field for it.
"""

from __future__ import annotations

import re
from typing import Final

_WORDS: Final = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
#: Name, minimum, maximum, and names of values, starting at the minimum.
_FIELDS: Final[tuple[tuple[str, int, int, tuple[str, ...]], ...]] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
_PART: Final = re.compile(r"(?:(?P<all>[*?])|(?P<low>\w+)(?:-(?P<high>\w+))?)(?:/(?P<step>\d+))?")


def problem(text: str) -> str | None:
    """Return why ``text`` is not a valid schedule; None if it is valid.

    >>> problem("0 1 * * *"), problem("*/15 8-18 * * mon-fri")
    (None, None)
    >>> problem("0 25 * * *")
    "hour '25' is not within 0 to 23"
    """
    if text in _WORDS:
        return None
    fields = text.split()
    if len(fields) != len(_FIELDS):
        return (
            "five fields are expected (minute, hour, day of the month, month, day of the week), such as `0 1 * * *` for one run each night"
        )
    return next((wrong for field, known in zip(fields, _FIELDS, strict=True) if (wrong := _field_problem(field, *known))), None)


def _field_problem(field: str, name: str, least: int, most: int, names: tuple[str, ...]) -> str | None:
    for part in field.split(","):
        match = _PART.fullmatch(part)
        if match is None or match["step"] == "0":
            return f"{name} {part!r} is not *, a number, a range such as {least}-{most}, or one of them with a step such as */2"
        if match["all"]:
            continue
        low = _number(match["low"], least, names)
        high = _number(match["high"] or match["low"], least, names)
        if low is None or high is None or not least <= low <= most or not least <= high <= most:
            return f"{name} {part!r} is not within {least} to {most}"
        if low > high:
            return f"{name} {part!r} ends before it begins"
    return None


def _number(text: str, least: int, names: tuple[str, ...]) -> int | None:
    if text.lower() in names:
        return names.index(text.lower()) + least
    return int(text) if text.isascii() and text.isdecimal() else None
