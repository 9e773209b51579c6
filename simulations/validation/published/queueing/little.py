"""Little's law, on sample paths that start and end empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from simulations.kernel import Streams
from simulations.queueing.experiment import Queue, exponential
from simulations.validation.row import Figure, Row
from simulations.validation.tolerance import EXACT

CUSTOMERS: Final = 100_000
QUEUES: Final = (
    Queue("M/M/3, 80 % busy", 3, exponential(2.4), exponential(1.0)),
    Queue("U/W/2, overloaded for good", 2, lambda random: random.uniform(0.0, 0.8), lambda random: random.weibullvariate(1.0, 0.7)),
    Queue("D/LN/4/9, turning away", 4, lambda _: 0.2, lambda random: random.lognormvariate(0.0, 1.5), 9),
)


def measure(_: Path) -> Iterator[Figure]:
    """Yield the mean number present; expected is the rate of those served times their mean stay."""
    for queue in QUEUES:
        station, _waited = queue.run(Streams(1), CUSTOMERS)
        duration_s = station.changed_s
        rate_per_s, stay_s = station.served / duration_s, station.stayed_s / station.served
        yield Figure(f"{queue.name}: mean present", rate_per_s * stay_s, station.present_s / duration_s, n=station.served)


ROW: Final = Row(
    id="little",
    setup="three stations of 100,000 customers, two of them far from any steady state",
    source="J. D. C. Little, A Proof for the Queuing Formula L = λW, Operations Research 9 (1961)",
    expected="L = λW on every path",
    tolerance=EXACT,
    measure=measure,
)
