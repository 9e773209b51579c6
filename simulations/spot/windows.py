"""Recorded windows of spot availability.

Traces disagree about the sign: some count available instances, others mark the intervals without any. A file says which by the name of
its field, and here a window always means "available".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from simulations.errors import SimulationError


@dataclass(frozen=True, slots=True)
class Window:
    """Whether spot capacity was available in each interval of ``gap_s`` seconds."""

    name: str
    gap_s: float
    available: tuple[bool, ...]


def read_windows(path: Path) -> list[Window]:
    """Read JSON lines with ``window``, ``gap_seconds`` and ``unavailable``, a string with one digit for each interval, 1 without capacity.

    Raises:
        SimulationError: a line has another form; the message names it.
    """
    windows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            record = json.loads(line)
            digits = record["unavailable"]
            if set(digits) - {"0", "1"}:
                raise ValueError("`unavailable` has other digits than 0 and 1")  # noqa: TRY301  # one message for every kind of bad line
            windows.append(Window(str(record["window"]), float(record["gap_seconds"]), tuple(digit == "0" for digit in digits)))
        except (ValueError, TypeError, KeyError) as error:
            raise SimulationError(f"{path}, line {number}: cannot be read: {error}") from error
    return windows
