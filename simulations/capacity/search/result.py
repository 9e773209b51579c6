"""The result of a search: the cheapest, the front with its knee, what spot nodes would save and risk, and what settled the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulations.capacity.search.configuration import Configuration
    from simulations.capacity.thresholds import Judged


@dataclass(frozen=True, slots=True)
class Tried:
    """A configuration that was simulated; ``full``: with all replications, else with one."""

    configuration: Configuration
    monthly_usd: float
    judged: tuple[Judged, ...]
    full: bool = True

    @property
    def holds(self) -> bool:
        """Whether all thresholds hold."""
        return all(one.holds for one in self.judged)

    @property
    def use(self) -> float:
        """How much of the tightest limit is used up."""
        return max((one.use for one in self.judged), default=0.0)


@dataclass(frozen=True, slots=True)
class OnSpot:
    """A configuration with spot nodes, which holds while at least ``needed`` of its replicas are there.

    ``risk`` is the share of the time during which fewer are.
    """

    configuration: Configuration
    monthly_usd: float
    needed: int
    risk: float


@dataclass(frozen=True, slots=True)
class Search:
    """The result. ``best`` is the cheapest that holds without spot nodes (None: none), ``tried`` what was simulated.

    ``space`` is the number of configurations; ``settled`` says how many of them were not simulated, by the reason. ``spot`` are those with
    spot nodes that cost less than ``best``, and that no other beats in both cost and risk: the cheapest first.
    """

    best: Tried | None
    tried: tuple[Tried, ...]
    space: int
    settled: Mapping[str, int] = field(default_factory=dict)
    spot: tuple[OnSpot, ...] = ()

    @property
    def front(self) -> tuple[Tried, ...]:
        """Those that hold and that no other beats in both cost and room: the cheapest first (Pareto front)."""
        return front(self.tried)

    @property
    def knee(self) -> Tried | None:
        """The member of the front farthest from the line between its ends; None with fewer than three."""
        front = self.front
        if len(front) < 3:
            return None
        first, last = front[0], front[-1]
        cost, room = last.monthly_usd - first.monthly_usd, first.use - last.use
        return max(front, key=lambda one: (first.use - one.use) / room - (one.monthly_usd - first.monthly_usd) / cost)


def front(tried: Iterable[Tried]) -> tuple[Tried, ...]:
    """Return the Pareto front of ``tried``."""
    found: list[Tried] = []
    for one in sorted((one for one in tried if one.holds), key=lambda one: (one.monthly_usd, one.use, one.configuration.scenario)):
        if not found or one.use < found[-1].use:
            found.append(one)
    return tuple(found)
