"""Steady-state figures of a station, by independent replications on the kernel.

Rule 1: the warm-up is found by MSER-5 on the mean of pilot runs with streams of their own, so that the cut does not depend on the values
that it is applied to. Cutting each run where it looks best would favour calm stretches and bias the mean.
Rule 2: a replication counts customers, not time; it ends when they have left.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from simulations.errors import SimulationError
from simulations.kernel import Loop, Streams
from simulations.queueing.arrivals import feed
from simulations.queueing.station import Station
from simulations.statistics import Interval, replicate, warm_up

#: Draws a time in seconds from a stream.
Draw = Callable[[Random], float]

#: Customers of a replication, after the warm-up.
CUSTOMERS: Final = 20_000
#: Fewer replications stop where they happen to agree, and their intervals cannot be widened by the normal distribution.
FEWEST: Final = 30
_PILOTS: Final = 20
_PILOT_CUSTOMERS: Final = 4_000


def exponential(rate_per_s: float) -> Draw:
    """Return draws from the exponential distribution of this rate."""
    return lambda random: random.expovariate(rate_per_s)


@dataclass(frozen=True, slots=True)
class Queue:
    """``servers`` in front of which customers arrive ``gap_s`` apart and stay ``service_s`` in service; ``room`` as in :class:`Station`."""

    name: str
    servers: int
    gap_s: Draw
    service_s: Draw
    room: float = float("inf")

    def run(self, streams: Streams, customers: int, *run: str | int) -> tuple[Station, list[float]]:
        """Send ``customers`` through an empty station; return it and their waits. ``run`` names the streams of this run."""
        loop, waited = Loop(), list[float]()
        arrivals, services = streams.stream(self.name, *run, "arrivals"), streams.stream(self.name, *run, "services")
        station = Station(loop, self.servers, lambda: self.service_s(services), room=self.room, on_wait=waited.append)
        feed(loop, station, lambda: self.gap_s(arrivals), customers)
        loop.run()
        return station, waited


def waits(wait_s: float) -> float:
    """Return 1 for a customer that has to wait."""
    return float(wait_s > 0)


def is_blocked(wait_s: float) -> float:
    """Return 1 for a customer that is turned away."""
    return float(wait_s == math.inf)


def steady_state(queue: Queue, *figures: Callable[[float], float], precision: float, seed: int = 1, most: int = 500) -> list[Interval]:
    """Replicate until the means of all ``figures`` are within ``precision`` (half-width as a share of the mean), or ``most`` replications.

    Args:
        queue: the station and its customers.
        figures: maps the wait of a customer to a number; the first decides the length of the warm-up.
        precision: half-width as a share of the mean.
        seed: of all streams.
        most: the cap.

    Raises:
        SimulationError: the pilot runs do not settle, so the station is overloaded or close to it.
    """
    cut = _cut(queue, figures[0], seed)

    def run(number: int) -> list[float]:
        _, waited = queue.run(Streams(seed), cut + CUSTOMERS, "replication", number)
        return [sum(map(figure, waited[cut:])) / CUSTOMERS for figure in figures]

    return replicate(run, precision=precision, fewest=FEWEST, most=most)


def _cut(queue: Queue, figure: Callable[[float], float], seed: int) -> int:
    """Return how many customers to leave out at the start of a run."""
    pilots = [queue.run(Streams(seed), _PILOT_CUSTOMERS, "pilot", number)[1] for number in range(_PILOTS)]
    cut = warm_up([sum(map(figure, waited)) / _PILOTS for waited in zip(*pilots, strict=True)])
    if cut is None:
        raise SimulationError(f"{queue.name}: its waits do not settle within {_PILOT_CUSTOMERS} customers; is it overloaded?")
    return cut
