"""Waiting in M/M/c, against Erlang's formula."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from simulations.queueing.experiment import Queue, exponential, steady_state, waits
from simulations.queueing.formulas import erlang_c, mean_wait_mmc
from simulations.validation.row import Figure, Row
from simulations.validation.tolerance import within_interval

PRECISION: Final = 0.02
#: Servers and utilisation.
GRID: Final = ((1, 0.5), (1, 0.8), (2, 0.5), (2, 0.8), (4, 0.5), (4, 0.8), (8, 0.8))


def measure(_: Path) -> Iterator[Figure]:
    """Yield the share of customers that wait, and the mean wait in service times."""
    for servers, utilisation in GRID:
        name, load = f"M/M/{servers}, {100 * utilisation:g} % busy", servers * utilisation
        queue = Queue(name, servers, exponential(load), exponential(1.0))
        wait_s, waiting = steady_state(queue, float, waits, precision=PRECISION)
        yield Figure.estimated(f"{name}: share that waits", erlang_c(servers, load), waiting)
        yield Figure.estimated(f"{name}: mean wait", mean_wait_mmc(servers, load), wait_s)


ROW: Final = Row(
    id="erlang-c",
    setup="M/M/c on the kernel, c = 1 to 8, servers 50 and 80 % busy; replications of 20,000 customers after an MSER-5 warm-up",
    source="A. K. Erlang, Solution of Some Problems in the Theory of Probabilities of Significance in Automatic Telephone Exchanges, 1917",
    expected="closed form",
    tolerance=within_interval(PRECISION, figures=2 * len(GRID)),
    measure=measure,
)
