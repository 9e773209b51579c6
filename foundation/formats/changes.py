"""Changes to a platform as one line of text: ``kind=value@start+length``, several joined by ``+``.

Injected faults and simulated scenarios share this syntax: ``engine=kill@30s``, ``anthropic=503@20s+15s``, ``zone-lost=us-east-1a@200s``,
``traffic=2x+replicas=+1``. This module knows only the syntax; the modules that apply changes know the kinds and their values.

Rule 1: a time is a number with a unit, ``ms``, ``s``, ``m`` or ``h``; it counts from the start of the load.
Rule 2: without ``@start`` a change holds for the whole run, or from a default start of its kind; without ``+length`` it lasts to the end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_UNITS_S: Final = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
#: A time: a number and its unit.
TIME: Final = r"\d{1,9}(?:\.\d{1,6})?(?:ms|s|m|h)"
# A plus sign is a separator if a kind follows it; otherwise it is part of a value (`replicas=+1`) or precedes a length.
_JOINT: Final = re.compile(r"\+(?=[a-z][a-z0-9_-]*=)", re.ASCII)
_CHANGE: Final = re.compile(rf"(?P<kind>[^=]*)=(?P<value>[^@]*)(?:@(?P<start>{TIME})(?:\+(?P<length>{TIME}))?)?", re.ASCII)


class ChangeSyntaxError(ValueError):
    """The text has a syntax error; the message names the part and what is expected."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change: ``start_s`` is None if no start was given, ``length_s`` is None if it lasts to the end of the run."""

    kind: str
    value: str
    start_s: float | None = None
    length_s: float | None = None

    @property
    def end_s(self) -> float | None:
        """End of the change in seconds from the start of the run; None if it does not end or has no start."""
        return None if self.start_s is None or self.length_s is None else self.start_s + self.length_s

    def __str__(self) -> str:
        start = "" if self.start_s is None else f"@{self.start_s:g}s"
        length = "" if self.length_s is None else f"+{self.length_s:g}s"
        return f"{self.kind}={self.value}{start}{length}"


def parse_changes(text: str) -> tuple[Change, ...]:
    """Read the changes of one line.

    >>> parse_changes("anthropic=503@20s+1.5m")
    (Change(kind='anthropic', value='503', start_s=20.0, length_s=90.0),)
    >>> [str(change) for change in parse_changes("traffic=2x+replicas=+1")]
    ['traffic=2x', 'replicas=+1']

    Raises:
        ChangeSyntaxError: a part is not ``kind=value``, or no valid time follows its ``@``.
    """
    return tuple(map(_change, _JOINT.split(text.strip())))


def _change(part: str) -> Change:
    match = _CHANGE.fullmatch(part.strip())
    if match is None:
        if "=" not in part:
            raise ChangeSyntaxError(f"{part!r} is not `kind=value`")
        when = part.partition("@")[2]
        raise ChangeSyntaxError(f"{when!r} after the @ is not a start such as 20s, or a start and a length such as 20s+15s")
    start, length = match["start"], match["length"]
    if length is not None and seconds(length) == 0:
        raise ChangeSyntaxError(f"{part!r} lasts no time at all; give a length above 0, or none")
    return Change(
        match["kind"].strip(),
        match["value"].strip(),
        None if start is None else seconds(start),
        None if length is None else seconds(length),
    )


def seconds(text: str) -> float:
    """Return a time such as ``90s`` or ``5m`` in seconds; ``text`` has the form of :data:`TIME`."""
    number, unit = re.fullmatch(r"([\d.]+)([a-z]+)", text, re.ASCII).groups()  # type: ignore[union-attr]  # matched before
    return float(number) * _UNITS_S[unit]
