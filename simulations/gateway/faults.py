"""A provider's outage as a participant of a run, as the emulator's control endpoint makes it happen during a load."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulations.errors import TwinError
from simulations.gateway.door import GatewayDoor
from simulations.kernel import Order
from workloads.emulator.behaviour.faults import parse_fault

if TYPE_CHECKING:
    from simulations.world import World


@dataclass(frozen=True, slots=True)
class ProviderFault:
    """``provider`` suffers from ``fault`` (``503``, ``cut=0.4``, ``s08`` …) from ``start_s`` until ``end_s``."""

    provider: str
    fault: str
    start_s: float = 0.0
    end_s: float = math.inf

    def __post_init__(self) -> None:
        if parse_fault(self.fault) is None:
            raise TwinError(f"{self.provider}={self.fault}: no such fault; use a status such as 503, s01 to s16, or a name such as cut=0.4")
        if not 0 <= self.start_s < self.end_s:
            raise TwinError(f"{self.provider}={self.fault}: it must start at 0 s or later, and then end")

    def join(self, world: World) -> None:
        """Schedule its beginning and its end.

        Raises:
            TwinError: there is no gateway in this run, or it has no such provider.
        """
        door = world.door
        if not isinstance(door, GatewayDoor):
            raise TwinError(f"{self.provider}={self.fault}: the stack has no gateway, so no request goes to a provider")
        plan = parse_fault(self.fault)
        assert plan is not None, "checked when it was made"
        providers = door.providers
        world.loop.at(self.start_s, lambda: providers.suffer(self.provider, plan), Order.LOST)
        if math.isfinite(self.end_s):
            world.loop.at(self.end_s, lambda: providers.recover(self.provider), Order.BACK)
