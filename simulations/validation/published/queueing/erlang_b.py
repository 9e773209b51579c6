"""Customers turned away by M/M/c/c, against Erlang's formula."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from simulations.queueing.experiment import Queue, exponential, is_blocked, steady_state
from simulations.queueing.formulas import erlang_b
from simulations.validation.row import Figure, Row
from simulations.validation.tolerance import within_interval

PRECISION: Final = 0.02
#: Servers and load in erlangs.
GRID: Final = ((1, 0.8), (2, 1.6), (5, 4.0), (10, 8.0), (20, 16.0))


def measure(_: Path) -> Iterator[Figure]:
    """Yield the share of customers that find all servers busy."""
    for servers, load in GRID:
        name = f"M/M/{servers}/{servers}, {load:g} erlangs"
        queue = Queue(name, servers, exponential(load), exponential(1.0), servers)
        (blocked,) = steady_state(queue, is_blocked, precision=PRECISION)
        yield Figure.estimated(f"{name}: share turned away", erlang_b(servers, load), blocked)


ROW: Final = Row(
    id="erlang-b",
    setup="M/M/c/c on the kernel, c = 1 to 20 at 0.8 erlangs a server; replications of 20,000 customers after an MSER-5 warm-up",
    source="A. K. Erlang, Solution of Some Problems in the Theory of Probabilities of Significance in Automatic Telephone Exchanges, 1917",
    expected="closed form; B(10, 8) = 0.12166",
    tolerance=within_interval(PRECISION, figures=len(GRID)),
    measure=measure,
)
