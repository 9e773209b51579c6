"""Losses of zones, nodes and spot capacity, and their effect on the replicas."""

from simulations.failures.calm import Calm
from simulations.failures.effects import Delays, Effects, play
from simulations.failures.incidents import (
    MEAN_SPOT_OUTAGE_S,
    NodeOutage,
    UnknownPlaceError,
    node_lost,
    spot_market,
    starting_points,
    zone_lost,
)
from simulations.failures.outage import Outage

__all__ = [
    "MEAN_SPOT_OUTAGE_S",
    "Calm",
    "Delays",
    "Effects",
    "NodeOutage",
    "Outage",
    "UnknownPlaceError",
    "node_lost",
    "play",
    "spot_market",
    "starting_points",
    "zone_lost",
]
