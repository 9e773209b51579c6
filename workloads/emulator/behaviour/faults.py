"""The sixteen faults, by the number and the name that select them in a model name, a header or the control endpoint.

The catalogue is failoverbench's (methodology v0.1, September 2026), here on all four wires. A model name ends in ``+s08``, ``+cut=0.4`` or
the like; the header is ``x-emulate-fault: cut=0.4``; a plain status (``503``) is a fault too.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Final

_GRAMMAR: Final = re.compile(r"([a-z0-9-]+)(?:=(\d+(?:\.\d+)?))?")


class Fault(enum.StrEnum):
    """What goes wrong."""

    RATE_LIMIT = "rate-limit"  # S01: 429 with Retry-After, twice, then an answer
    RATE_LIMIT_SILENT = "rate-limit-silent"  # S02: 429 without a retry delay, always
    ERROR_ONCE = "error-once"  # S03: 500, once
    UNAVAILABLE = "unavailable"  # S04: 503, always
    RESET = "reset"  # S05: TCP reset before the headers
    SILENT = "silent"  # S06: never any response
    SLOW_START = "slow-start"  # S07: the first token after 20 s
    CUT = "cut"  # S08: the stream is cut at 40 %
    STALL = "stall"  # S09: 30 s of silence in the middle
    MALFORMED = "malformed"  # S10: a chunk that is not JSON
    NO_TERMINATOR = "no-terminator"  # S11: the end without its marker
    CONTEXT_LENGTH = "context-length"  # S12: 400
    CONTENT_FILTER = "content-filter"  # S13: 400; failing over would be wrong
    CUT_NO_PREFILL = "cut-no-prefill"  # S14: cut, and a prefilled answer is refused
    OUTAGE = "outage"  # S15: refused for 60 s from the first request on
    CUT_BEFORE_CONTENT = "cut-before-content"  # S16: usage is said, then the stream is cut before any content, once
    STATUS = "status"  # any other status, always


#: S01 … S16 in the catalogue's order.
CATALOGUE: Final = tuple(Fault)[:16]
#: The meaning of a fault's value, and its default.
_DEFAULTS: Final = {
    Fault.RATE_LIMIT: 1.0,  # seconds of Retry-After
    Fault.SLOW_START: 20.0,  # seconds
    Fault.CUT: 0.4,  # share of the answer
    Fault.CUT_NO_PREFILL: 0.4,
    Fault.STALL: 30.0,  # seconds
    Fault.OUTAGE: 60.0,  # seconds
}


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """One fault with its value; ``key`` identifies faults that happen once."""

    fault: Fault
    value: float
    key: str


def parse_fault(text: str) -> FaultPlan | None:
    """Read a fault; None if ``text`` names none.

    >>> parse_fault("s08").fault, parse_fault("cut=0.6").value, parse_fault("503").value
    (<Fault.CUT: 'cut'>, 0.6, 503.0)
    """
    found = _GRAMMAR.fullmatch(text.strip().lower())
    if found is None:
        return None
    name, value = found.groups()
    if name.isdigit() and 400 <= int(name) < 600:
        return FaultPlan(Fault.STATUS, float(name), text)
    if name[0] == "s" and name[1:].isdigit() and 1 <= int(name[1:]) <= len(CATALOGUE):
        fault = CATALOGUE[int(name[1:]) - 1]
    elif name in Fault._value2member_map_:
        fault = Fault(name)
    else:
        return None
    return FaultPlan(fault, float(value) if value else _DEFAULTS.get(fault, 0.0), text)


class FaultState:
    """The history of faults that happen once or for a limited time. ``now_s`` is any monotonic clock."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._since: dict[str, float] = {}

    def strikes(self, plan: FaultPlan, place: str, now_s: float) -> bool:
        """Count this request and return whether the fault strikes it."""
        key = f"{place}/{plan.key}"
        count = self._counts[key] = self._counts.get(key, 0) + 1
        match plan.fault:
            case Fault.RATE_LIMIT:
                return count % 3 != 0
            case Fault.ERROR_ONCE | Fault.CUT_BEFORE_CONTENT:
                return count == 1
            case Fault.OUTAGE:
                return now_s - self._since.setdefault(key, now_s) < plan.value
            case _:
                return True

    def reset(self) -> None:
        """Forget everything."""
        self._counts.clear()
        self._since.clear()
