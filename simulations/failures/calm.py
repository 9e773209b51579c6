"""When a backlog may be judged in a run with outages, as a participant of that run.

Rule 1: while a replica is away that was there at first, a growing backlog is no verdict: the outage may be over before it tells anything.
Rule 2: one that is away from the start is a steady state, in which fewer requests are served at the same time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from simulations.kernel import Order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.backlog import Backlog
    from simulations.failures.outage import Outage
    from simulations.world import World


@dataclass(frozen=True, slots=True)
class Calm:
    """Holds ``backlog`` during ``outages`` of some of ``replicas`` engines, each of which serves ``slots`` requests at the same time."""

    backlog: Backlog
    outages: Sequence[Outage]
    replicas: int
    slots: int

    def join(self, world: World) -> None:
        """Look at every change."""
        for at_s in sorted({0.0} | {time_s for one in self.outages for time_s in (one.start_s, one.end_s) if math.isfinite(time_s)}):
            world.loop.at(at_s, partial(self._look, at_s), Order.LOST)

    def _look(self, at_s: float) -> None:
        away = [one for one in self.outages if one.start_s <= at_s < one.end_s]
        self.backlog.hold()
        if not any(one.start_s > 0 for one in away):
            self.backlog.judge((self.replicas - len({one.replica for one in away})) * self.slots)
