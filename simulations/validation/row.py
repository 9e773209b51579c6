"""One published result: its set-up, source and tolerance, and the judgement of what came out.

Rule 1: set-up, source, expected values and tolerance are data of the row; the run supplies only what came out.
Rule 2: a row whose data or tools are missing is skipped with the reason, never passed.
Rule 3: every figure says how many samples are behind it. One that is random has an interval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from simulations.errors import SimulationError
from simulations.statistics import Interval
from simulations.validation.tolerance import Tolerance

if TYPE_CHECKING:
    from simulations.validation.bench import Bench

Verdict = Literal["held", "missed", "skipped"]


class UnavailableError(SimulationError):
    """A row cannot run here, for instance because a server is not installed; the text is the reason that the table prints."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a row.

    ``n`` is the number of samples, 1 for a computation. ``low`` and ``high`` are the ends of the 95 % interval, NaN without sampling
    error. ``tolerance`` replaces that of the row for this figure.
    """

    name: str
    expected: float
    got: float
    n: int = 1
    low: float = float("nan")
    high: float = float("nan")
    tolerance: Tolerance | None = None

    @classmethod
    def estimated(cls, name: str, expected: float, found: Interval) -> Self:
        """Return a figure that was estimated from replications."""
        return cls(name, expected, found.mean, found.n, found.low, found.high)


@dataclass(frozen=True, slots=True)
class Row:
    """A published result.

    Args:
        id: its name on the command line.
        setup: what is simulated.
        source: who published it, and where.
        expected: what they published, in a few words.
        tolerance: how far a figure may be from its expected value.
        measure: runs the model; it gets the data folder and returns its figures. It raises :class:`UnavailableError` where it cannot run.
        on_bench: the same for a row that runs real programs instead; it gets the bench that starts them.
        files: files that it reads, relative to the data folder. If one is missing, the row is skipped.
        limits: where the agreement ends, for the reader of the table.
    """

    id: str
    setup: str
    source: str
    expected: str
    tolerance: Tolerance
    measure: Callable[[Path], Iterable[Figure]] | None = None
    files: tuple[str, ...] = ()
    limits: str = ""
    on_bench: Callable[[Bench], Iterable[Figure]] | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A figure with its verdict and the words of the tolerance that decided."""

    figure: Figure
    tolerance: str
    held: bool


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a row. ``reason`` says why it was missed or skipped; empty if it held."""

    row: Row
    verdict: Verdict
    figures: tuple[Judged, ...]
    reason: str


def check(row: Row, data: Path, bench: Bench | None = None) -> Result:
    """Run ``row`` on the files of the folder ``data``, or on ``bench``, and judge it."""
    if missing := [name for name in row.files if not (data / name).exists()]:
        return Result(row, "skipped", (), f"data not present: {data / missing[0]}")
    try:
        figures = tuple(_judged(figure, row.tolerance) for figure in _measured(row, data, bench))
    except UnavailableError as error:
        return Result(row, "skipped", (), str(error))
    except SimulationError as error:
        return Result(row, "missed", (), str(error))
    if not figures:
        return Result(row, "missed", (), "the run gave no figure")
    broken = [judged.figure for judged in figures if not judged.held]
    if not broken:
        return Result(row, "held", figures, "")
    worst = broken[0]
    more = f", and {len(broken) - 1} more" if len(broken) > 1 else ""
    return Result(row, "missed", figures, f"{worst.name}: {worst.got:.6g} where {worst.expected:.6g} was published{more}")


def _measured(row: Row, data: Path, bench: Bench | None) -> Iterable[Figure]:
    if row.on_bench is not None:
        if bench is None:
            raise UnavailableError("it runs real programs, which only `sandtable validate` starts")
        return row.on_bench(bench)
    assert row.measure is not None, f"row {row.id} says how it is measured"
    return row.measure(data)


def _judged(figure: Figure, tolerance: Tolerance) -> Judged:
    decides = figure.tolerance or tolerance
    return Judged(figure, decides.words, decides.holds(figure))
