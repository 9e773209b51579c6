"""Configurations with spot nodes: what they cost, and for which share of the time too few of their replicas are there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from simulations.capacity.search.result import OnSpot
from simulations.spot.availability import there

if TYPE_CHECKING:
    from simulations.capacity.search.configuration import Configuration

#: Shares of the engines' nodes that are bought as spot; the last is the cheapest.
SHARES: Final = (0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Spread:
    """Replicas on nodes that stay, and those on spot nodes by zone."""

    kept: int
    by_zone: Mapping[str, int]

    def risk(self, needed: int) -> float:
        """Return the share of the time during which fewer than ``needed`` replicas are there."""
        return sum(share for number, share in there(self.by_zone, self.kept).items() if number < needed)


def on_spot(options: Iterable[tuple[Configuration, float, int]], spread: Callable[[Configuration], Spread]) -> tuple[OnSpot, ...]:
    """Return those of ``options`` that no other beats in both cost and risk, the cheapest first.

    An option is a configuration, its monthly cost in USD, and how many of its replicas it needs.
    """
    priced = [OnSpot(one, usd, needed, spread(one).risk(needed)) for one, usd, needed in options]
    found: list[OnSpot] = []
    for one in sorted(priced, key=lambda one: (one.monthly_usd, one.risk, one.configuration.scenario)):
        if not found or one.risk < found[-1].risk - 1e-12:
            found.append(one)
    return tuple(found)
