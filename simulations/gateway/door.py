"""The gateway as the door of a run: each request is accepted by one of its replicas, and takes its course over engines and providers."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from foundation.chat import WireRequests
from simulations.gateway.answers import AnswerCache, Flights
from simulations.gateway.emulated import EmulatedProviders
from simulations.gateway.journey import Journey
from simulations.kernel import Order

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulations.gateway.model import GatewayModel
    from simulations.kernel import Loop, Streams
    from simulations.serving.port import EngineRequest
    from simulations.world import Door, OnEnd
    from stacks.traffic import PlannedRequest
    from workloads.gateway.runtime import Runtime


class GatewayReplica:
    """One replica. Its limits, breakers and loads are its own, and so is its cache unless all share one."""

    def __init__(self, runtime: Runtime, cache: AnswerCache) -> None:
        self.runtime = runtime
        self.cache = cache
        self.flights = Flights()


class GatewayDoor:
    """Accepts requests as the gateway does. ``engines`` is the door to the engines behind it; ``planned`` says wire and route by index."""

    def __init__(
        self,
        model: GatewayModel,
        loop: Loop,
        streams: Streams,
        *,
        engines: Door,
        planned: Callable[[int], PlannedRequest],
        timeout_s: float,
    ) -> None:
        self.model = model
        self.providers = EmulatedProviders(model.profile, model.seed)
        self.loop = loop
        self.engines = engines
        self.timeout_s = timeout_s
        settings = model.deployed.configuration.cache
        shared = AnswerCache(settings, loop) if settings.redis else None
        self.replicas = [
            GatewayReplica(model.runtime(streams, number), shared or AnswerCache(settings, loop))
            for number in range(max(1, model.deployed.replicas))
        ]
        self.texts = WireRequests(model="", seed=model.texts_seed)
        self.attempts = itertools.count()  # engines know requests by unique numbers, and one may come twice
        self._planned = planned
        self._balance = streams.stream("gateway-replica")

    def submit(self, request: EngineRequest, on_end: OnEnd) -> None:
        """Accept ``request`` now; the gateway's own time passes before the first call."""
        # A Service chooses a pod for each connection at random (kube-proxy, iptables mode), and each request of a load has its own.
        replica = self.replicas[0] if len(self.replicas) == 1 else self._balance.choice(self.replicas)
        journey = Journey(self, replica, request, self._planned(request.index), on_end)
        self.loop.at(self.loop.now_s + self.model.overhead_s, journey.begin, Order.ARRIVAL)
