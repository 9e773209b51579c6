"""Customers of a renewal process: each arrival schedules the next, so that the heap stays small."""

from __future__ import annotations

from collections.abc import Callable

from simulations.kernel import Loop, Order
from simulations.queueing.station import Station


def feed(loop: Loop, station: Station, gap_s: Callable[[], float], customers: int) -> None:
    """Send ``customers`` to ``station``, with gaps drawn from ``gap_s``; the first comes one gap from now."""
    at, arrive, left = loop.at, station.arrive, customers

    def come() -> None:
        nonlocal left
        left -= 1
        if left:
            at(loop.now_s + gap_s(), come, Order.ARRIVAL)
        arrive()

    if customers:
        at(loop.now_s + gap_s(), come, Order.ARRIVAL)
