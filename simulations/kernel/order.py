"""The order of simultaneous events.

Completed computation counts first. A client whose timeout coincides with the end of its response has the response. A replica that returns
takes over from one that is lost at the same time. A request that arrives at the moment of a loss finds the replica gone.
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
