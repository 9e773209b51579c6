"""Why a request was served as it was, and what each other replica would have made of it: one more run for each of them.

Only that request goes elsewhere; the plan, the seed and every other decision are the same, so the difference is that decision's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from foundation.measures.outcome import Status
from simulations.routing import RoundRobin
from simulations.routing.elsewhere import Elsewhere
from stacks.errors import ConfigurationError

if TYPE_CHECKING:
    from simulations.twin import Prediction, Twin
    from stacks.traffic import PlannedRequest


@dataclass(frozen=True, slots=True)
class Route:
    """One replica: the requests that it had, and the times of the request if it goes there (NaN: it fails)."""

    replica: str
    outstanding: int
    ttft_ms: float
    e2e_ms: float
    chosen: bool


@dataclass(frozen=True, slots=True)
class Routed:
    """The request that arrived at the engines as number ``number``, ``at_s`` seconds into the run, by replica in their order."""

    number: int
    at_s: float
    routes: tuple[Route, ...]

    @property
    def regret_ms(self) -> float:
        """By how much later its last token came than from the best replica."""
        taken = next(route.e2e_ms for route in self.routes if route.chosen)
        return taken - min((route.e2e_ms for route in self.routes if not math.isnan(route.e2e_ms)), default=taken)


def routed(twin: Twin, plan: Sequence[PlannedRequest], number: int, *, seed: int) -> Routed:
    """Send request ``number`` to each replica in turn.

    Raises:
        ConfigurationError: so many requests do not reach the engines.
    """
    policy = Elsewhere(RoundRobin(), number)
    prediction = twin.run(plan, seed=seed, policy=policy)
    if (decision := policy.decision) is None:
        raise ConfigurationError(f"--why request={number}: fewer than {number + 1} requests reach the engines; name a smaller one")
    routes = []
    for replica, outstanding in decision.outstanding.items():
        chosen = replica == decision.chosen
        run = prediction if chosen else twin.run(plan, seed=seed, policy=Elsewhere(RoundRobin(), number, replica))
        routes.append(Route(replica, outstanding, *_times(run, decision.at_s), chosen))
    return Routed(number, decision.at_s, tuple(routes))


def _times(run: Prediction, at_s: float) -> tuple[float, float]:
    record = next(record for record in run.records if record.intended_s == at_s)
    return (record.ttft_ms or math.nan, record.e2e_ms) if record.status is Status.OK else (math.nan, math.nan)
