"""Rows of the benchmark's table."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: what it should reach, ours and the peer's, each with its n."""

    figure: str
    reach: str
    ours: str
    peer: str = "-"


def median_and_range(values: Sequence[float], unit: str = "s") -> str:
    """Return the median with the range and n."""
    return f"{statistics.median(values):.3f} {unit} ({min(values):.3f}-{max(values):.3f}, n={len(values)})"


def mean_and_interval(values: Sequence[float], *, sign: bool = False) -> str:
    """Return the mean with its 95 % interval (Student) and n."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return f"{mean:.4f} (n={len(values)})"
    half = student_95(len(values)) * statistics.stdev(values) / math.sqrt(len(values))
    return f"{mean:{'+' if sign else ''}.4f} ± {half:.4f} (n={len(values)})"


def student_95(count: int) -> float:
    """Return the two-sided 95 % quantile for so many values."""
    table = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
    return table[min(count - 1, len(table)) - 1]


def show(rows: Sequence[Row]) -> None:
    """Print the table."""
    head = Row("figure", "reach", "ours", "peer")
    widths = [max(len(getattr(row, name)) for row in (head, *rows)) for name in ("figure", "reach", "ours", "peer")]
    for row in (head, *rows):
        cells = zip((row.figure, row.reach, row.ours, row.peer), widths, strict=True)
        print("  ".join(cell.ljust(width) for cell, width in cells).rstrip())
