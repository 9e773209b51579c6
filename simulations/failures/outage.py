"""A replica outage, as a participant of a run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulations.errors import TwinError
from simulations.kernel import Order

if TYPE_CHECKING:
    from simulations.world import Replica, World


@dataclass(frozen=True, slots=True)
class Outage:
    """A replica is down from ``start_s`` until ``end_s`` (infinite: permanently). Its requests in flight fail, and so do new ones.

    Clients keep sending to it for ``notice_s`` seconds, until they notice; with 0 they notice immediately.
    """

    replica: str
    start_s: float
    end_s: float = math.inf
    notice_s: float = 0.0

    @property
    def noticed_s(self) -> float:
        """When clients stop sending to it."""
        return self.start_s + self.notice_s

    def __post_init__(self) -> None:
        if not 0 <= self.start_s < self.end_s:
            raise TwinError(f"outage of {self.replica} from {self.start_s} s to {self.end_s} s: it must start at 0 or later and then end")
        if not self.notice_s >= 0:
            raise TwinError(f"outage of {self.replica}: it is noticed after {self.notice_s} s; expected 0 or more")

    def join(self, world: World) -> None:
        """Schedule the loss, its detection by clients, and the recovery."""
        replica, loop = world.replicas[self.replica], world.loop
        if noticed := self.noticed_s < self.end_s:
            loop.at(self.noticed_s, lambda: self._noticed(replica), Order.NOTICED)
        loop.at(self.start_s, lambda: self._lost(replica), Order.LOST)
        if math.isfinite(self.end_s):
            loop.at(self.end_s, lambda: self._back(replica, noticed=noticed), Order.BACK)

    @staticmethod
    def _lost(replica: Replica) -> None:
        replica.down += 1
        replica.engine.fail_all(replica.why_down)

    @staticmethod
    def _noticed(replica: Replica) -> None:
        replica.unlisted += 1

    @staticmethod
    def _back(replica: Replica, *, noticed: bool) -> None:
        replica.down -= 1
        if noticed:
            replica.unlisted -= 1
