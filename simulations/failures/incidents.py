"""Incidents: a zone is lost, a node is lost, a spot market has no capacity.

Rule 1: an incident says which nodes are away and when; ``effects.py`` derives the effect on pods.
Rule 2: every random draw comes from a stream named by seed, pool and zone, so adding a pool does not change the others.

Spot: all spot nodes of one pool in one zone come and go together. In sixteen-node probes of three zones (skypilot-org/spot-traces,
aws-08-27-2023) half of the nodes were available on average, while for a third to a half of the time there were none at all, so independent
node failures would be far too optimistic. Times between changes are drawn exponential; in recorded windows they vary more than that
(coefficient of variation 1.7), so very long outages are rarer here than in reality.
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import simpy

from stacks.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from random import Random

    from stacks.graph.capacity import Node

#: Mean length of a spot outage. Derived: 769 complete outages in 30 windows of 92 h of us-west-2a V100 (availability 0.667),
#: "Can't Be Late" traces (NSDI'24) as published in FrontierCS/Frontier-CS. Three other zones of that set gave 1.4 to 1.6 h.
MEAN_SPOT_OUTAGE_S: Final = 1.14 * 3600


class UnknownPlaceError(ConfigurationError):
    """No node of the graph is in this zone or pool; the message lists the existing ones."""

    def __init__(self, kind: str, name: str, known: Sequence[str]) -> None:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        there = f"the graph's nodes are in {', '.join(known)}" if known else "the graph has no nodes"
        super().__init__(f"no node is in {kind} {name!r}; {there}" + (f". Did you mean {near[0]!r}?" if near else ""))


@dataclass(frozen=True, slots=True)
class NodeOutage:
    """A node is away from ``start_s`` to ``end_s`` (infinite: permanently), in seconds from the start of the run.

    ``announced``: its pods are evicted in advance (spot notice), instead of after the detection delay. ``closes_zone``: its pool cannot add
    a node in its zone during the outage.
    """

    node: str
    start_s: float
    end_s: float
    announced: bool
    closes_zone: bool

    def covers(self, at_s: float) -> bool:
        """Whether the node is away at ``at_s``."""
        return self.start_s <= at_s < self.end_s


def zone_lost(nodes: Sequence[Node], zone: str, *, at_s: float, end_s: float = math.inf) -> tuple[NodeOutage, ...]:
    """Lose every node of ``zone`` from ``at_s`` to ``end_s``.

    Raises:
        UnknownPlaceError: no node is in that zone.
    """
    gone = [node for node in nodes if node.zone == zone]
    if not gone:
        raise UnknownPlaceError("zone", zone, sorted({node.zone for node in nodes if node.zone}))
    return tuple(NodeOutage(node.name, at_s, end_s, announced=False, closes_zone=True) for node in gone)


def node_lost(nodes: Sequence[Node], place: str, *, at_s: float, end_s: float = math.inf) -> tuple[NodeOutage, ...]:
    """Lose the first node (by name) of the pool ``place``, or else the node of that name, from ``at_s`` to ``end_s``.

    Its pool may add another one meanwhile.

    Raises:
        UnknownPlaceError: there is neither such a pool nor such a node.
    """
    gone = min((node.name for node in nodes if node.pool == place), default=None)
    if gone is None:
        gone = next((node.name for node in nodes if node.name == place), None)
    if gone is None:
        raise UnknownPlaceError("pool", place, sorted({node.pool for node in nodes}))
    return (NodeOutage(gone, at_s, end_s, announced=False, closes_zone=False),)


def spot_market(nodes: Sequence[Node], share: float, *, horizon_s: float, start: float, random: Random) -> tuple[NodeOutage, ...]:
    """Draw when the spot nodes of ONE pool and zone are away: an alternating renewal process that starts in its steady state.

    Args:
        nodes: spot nodes of one pool in one zone.
        share: share of the time during which they are available, 0 to 1.
        horizon_s: end of the run.
        start: a number in [0, 1); below ``share`` the run begins with the nodes available.
        random: the stream of this pool and zone, for the times between changes.
    """
    if share >= 1:
        return ()
    if share <= 0:
        return tuple(NodeOutage(node.name, 0.0, math.inf, announced=True, closes_zone=True) for node in nodes)
    outages: list[NodeOutage] = []

    def market() -> Generator[simpy.Event]:
        away = start >= share
        while True:
            # The exponential distribution is memoryless, so the first time is drawn like the others.
            lasts = random.expovariate(1 / (MEAN_SPOT_OUTAGE_S if away else MEAN_SPOT_OUTAGE_S * share / (1 - share)))
            if away:
                ends = environment.now + lasts
                outages.extend(NodeOutage(node.name, environment.now, ends, announced=True, closes_zone=True) for node in nodes)
            yield environment.timeout(lasts)
            away = not away

    environment = simpy.Environment(initial_time=0.0)
    environment.process(market())
    environment.run(until=horizon_s)
    return tuple(outages)


def starting_points(replications: int, random: Random) -> list[float]:
    """Return a number in [0, 1) for the start of a market in each replication: one in each of as many equal parts, in random order.

    An outage lasts longer than most runs, so the initial state decides the run. With independent draws, five runs out of five may begin
    with all nodes available. With stratified draws, the share of runs that begin without nodes matches the market to within one run (Latin
    hypercube
    sampling: McKay, Beckman and Conover, Technometrics 21 (1979) 239).
    """
    points = [(part + random.random()) / replications for part in range(replications)]
    random.shuffle(points)
    return points
