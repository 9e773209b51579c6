"""What goes first at one moment.

What has been computed by then counts before anything else happens, a client that leaves at the end of its answer has it, a replica that
comes back takes over from one that is lost, and whoever arrives at the moment of a loss finds the replica gone.
"""

from __future__ import annotations

import enum


class Order(enum.IntEnum):
    """The orders of events on a :class:`~simulations.kernel.loop.Loop`, first to last."""

    STEPS = 0
    LEAVING = 1
    PROCESS_URGENT = 2
    PROCESS = 3
    BACK = 4
    LOST = 5
    NOTICED = 6
    ARRIVAL = 7
