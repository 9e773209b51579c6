"""SimPy processes on the loop of a run, for logic with steps: wait, repair, scale, recover.

SimPy provides processes, resources and interrupts. The clock and the heap are the loop's, so processes and plain events share one time.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import simpy
from simpy.core import EmptySchedule
from simpy.events import NORMAL, Event, EventPriority

from simulations.kernel.order import Order

if TYPE_CHECKING:
    from simulations.kernel.loop import Loop

#: SimPy's own priorities (urgent 0, normal 1) stay in this order on the loop.
_ORDERS: Final = int(Order.PROCESS_URGENT)


class ProcessEnvironment(simpy.Environment):
    """SimPy's environment with the clock and the heap of ``loop``.

    Do not call ``run`` or ``step``: the loop drives it.
    """

    def __init__(self, loop: Loop) -> None:
        super().__init__()
        self._loop = loop

    @property
    def now(self) -> float:
        """Seconds since the start of the run."""
        return self._loop.now_s

    def schedule(self, event: Event, priority: EventPriority = NORMAL, delay: float = 0.0) -> None:
        """Put ``event`` on the loop, ``delay`` seconds from now."""
        self._loop.at(self._loop.now_s + delay, partial(self._happen, event), _ORDERS + int(priority))

    def step(self) -> None:
        """Always raises: the loop drives the simulation."""
        raise EmptySchedule("this environment is driven by its loop; call Loop.run")

    @staticmethod
    def _happen(event: Event) -> None:
        callbacks, event.callbacks = event.callbacks, None  # type: ignore[assignment]  # as SimPy itself marks a processed event
        for callback in callbacks or ():
            callback(event)
        if not event._ok and not hasattr(event, "_defused"):  # noqa: SLF001  # SimPy's own rule for an error that nobody waits for
            raise event._value  # noqa: SLF001
