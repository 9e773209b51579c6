"""The mean wait in M/G/1, against the formula of Pollaczek and Khinchine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

from simulations.queueing.experiment import Draw, Queue, exponential, steady_state
from simulations.queueing.formulas import mean_wait_mg1
from simulations.validation.row import Figure, Row
from simulations.validation.tolerance import within_interval

PRECISION: Final = 0.02
UTILISATIONS: Final = (0.5, 0.8)

#: Share of the fast customers of a hyperexponential with balanced means, mean 1 and a squared coefficient of variation of 4.
_FAST: Final = (1 + (3 / 5) ** 0.5) / 2


def _hyperexponential(random: Random) -> float:
    return random.expovariate(2 * (_FAST if random.random() < _FAST else 1 - _FAST))


#: Service times of mean 1 with their squared coefficient of variation.
SERVICES: Final[dict[str, tuple[float, Draw]]] = {
    "M/D/1": (0.0, lambda _: 1.0),
    "M/E2/1": (0.5, lambda random: random.expovariate(2.0) + random.expovariate(2.0)),
    "M/M/1": (1.0, exponential(1.0)),
    "M/H2/1": (4.0, _hyperexponential),
}


def measure(_: Path) -> Iterator[Figure]:
    """Yield the mean wait in mean service times."""
    for kind, (cv2, service_s) in SERVICES.items():
        for utilisation in UTILISATIONS:
            name = f"{kind}, {100 * utilisation:g} % busy"
            queue = Queue(name, 1, exponential(utilisation), service_s)
            (wait_s,) = steady_state(queue, float, precision=PRECISION)
            yield Figure.estimated(f"{name}: mean wait", mean_wait_mg1(utilisation, cv2), wait_s)


ROW: Final = Row(
    id="pollaczek-khinchine",
    setup="M/D/1, M/E2/1, M/M/1, M/H2/1 (squared coefficients of variation 0, 0.5, 1, 4) on the kernel, servers 50 and 80 % busy",
    source="F. Pollaczek, Über eine Aufgabe der Wahrscheinlichkeitstheorie, Mathematische Zeitschrift 32 (1930)",
    expected="closed form",
    tolerance=within_interval(PRECISION, figures=len(SERVICES) * len(UTILISATIONS)),
    measure=measure,
)
