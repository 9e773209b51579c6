"""The cheapest configuration that keeps the thresholds: a search over replicas, slots and GPU models.

Rule 1: more replicas of the same kind never make a threshold worse, so in each family (slots, GPU model) the number is found by halving.
Rule 2: a family whose cheapest open member costs more than the best so far is not simulated.
Rule 3: the cheapest families are searched side by side, :data:`TOGETHER` at a time, so that a sweep has something to share out. How many
there are does not depend on who runs them, and neither does the result.
Rule 4: the front wants to know what more money buys, so the cheapest configurations above the best are simulated, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Final

from simulations.capacity.thresholds import Judged, judge

if TYPE_CHECKING:
    from simulations.whatif.results import ScenarioResult
    from stacks.environment.thresholds import Threshold


#: Families that are searched side by side.
TOGETHER: Final = 8


@dataclass(frozen=True, slots=True)
class Configuration:
    """One configuration; None leaves what the graph says."""

    replicas: int
    slots: int | None = None
    gpu: str | None = None

    @property
    def scenario(self) -> str:
        """The scenario that makes it."""
        parts = [f"replicas={self.replicas}", f"slots={self.slots}" if self.slots else "", f"gpu={self.gpu}" if self.gpu else ""]
        return "+".join(filter(None, parts))


@dataclass(frozen=True, slots=True)
class Tried:
    """A configuration that was simulated."""

    configuration: Configuration
    monthly_usd: float
    judged: tuple[Judged, ...]

    @property
    def holds(self) -> bool:
        """Whether all thresholds hold."""
        return all(one.holds for one in self.judged)

    @property
    def use(self) -> float:
        """How much of the tightest limit is used up."""
        return max((one.use for one in self.judged), default=0.0)


@dataclass(frozen=True, slots=True)
class Search:
    """The result: the cheapest that holds (None: none), what was simulated, and how many configurations the space has."""

    best: Tried | None
    tried: tuple[Tried, ...]
    space: int

    @property
    def front(self) -> tuple[Tried, ...]:
        """Those that hold and that no other beats in both cost and room: the cheapest first (Pareto front)."""
        found: list[Tried] = []
        for one in sorted((one for one in self.tried if one.holds), key=lambda one: (one.monthly_usd, one.use)):
            if not found or one.use < found[-1].use:
                found.append(one)
        return tuple(found)

    @property
    def knee(self) -> Tried | None:
        """The member of the front farthest from the line between its ends; None with fewer than three."""
        front = self.front
        if len(front) < 3:
            return None
        first, last = front[0], front[-1]
        cost, room = last.monthly_usd - first.monthly_usd, first.use - last.use
        return max(front, key=lambda one: (first.use - one.use) / room - (one.monthly_usd - first.monthly_usd) / cost)


def space(most_replicas: int, slots: Sequence[int | None], gpus: Sequence[str | None]) -> list[list[Configuration]]:
    """Return the families, each from one replica up to ``most_replicas``."""
    return [[Configuration(number, s, gpu) for number in range(1, most_replicas + 1)] for s, gpu in product(slots, gpus)]


def cheapest(
    families: Sequence[Sequence[Configuration]],
    *,
    price: Callable[[Configuration], float | None],
    run: Callable[[Sequence[Configuration]], Sequence[ScenarioResult]],
    thresholds: Sequence[Threshold],
    above: int = 0,
) -> Search:
    """Search ``families``, each in order of replicas.

    Args:
        families: configurations that differ in their replicas only.
        price: returns the monthly cost of a configuration in USD without simulating it, or None if it is not possible.
        run: simulates some, and returns their results in the same order.
        thresholds: what must hold.
        above: how many configurations that cost more than the best are simulated for the front.
    """
    prices = {one: cost for family in families for one in family if (cost := price(one)) is not None}
    possible = [[one for one in family if one in prices] for family in families]
    halvings = [_Halving(family) for family in sorted(filter(None, possible), key=lambda family: prices[family[0]])]
    tried: list[Tried] = []
    best: Tried | None = None
    while wave := [halving for halving in halvings if halving.open_below(best, prices)][:TOGETHER]:
        asked = [halving.next for halving in wave]
        for halving, configuration, result in zip(wave, asked, run(asked), strict=True):
            tried.append(Tried(configuration, result.cost.monthly_usd, judge(result, thresholds)))
            halving.tell(holds=tried[-1].holds)
            if tried[-1].holds and (best is None or (tried[-1].monthly_usd, tried[-1].use) < (best.monthly_usd, best.use)):
                best = tried[-1]
    if best is not None and above:
        known = {one.configuration for one in tried}
        dearer = [one for one in prices if one not in known and prices[one] > best.monthly_usd]
        asked = sorted(dearer, key=lambda one: (prices[one], one.scenario))[:above]
        tried += [Tried(one, found.cost.monthly_usd, judge(found, thresholds)) for one, found in zip(asked, run(asked), strict=True)]
    return Search(best, tuple(tried), sum(map(len, families)))


class _Halving:
    """The search for the smallest member of a family that holds."""

    def __init__(self, family: Sequence[Configuration]) -> None:
        self._family = family
        self._low, self._high, self._largest_tried = 0, len(family), False

    def open_below(self, best: Tried | None, prices: Mapping[Configuration, float]) -> bool:
        """Whether a member that is cheaper than ``best`` is left to try; the dearer ones are given up."""
        if best is not None:
            affordable = sum(prices[one] < best.monthly_usd for one in self._family)
            if affordable < self._high:
                self._high, self._largest_tried = affordable, False
        return self._low < self._high

    @property
    def next(self) -> Configuration:
        """The member to try: the largest first, for if that does not hold, no other does."""
        return self._family[self._index]

    @property
    def _index(self) -> int:
        return (self._low + self._high) // 2 if self._largest_tried else self._high - 1

    def tell(self, *, holds: bool) -> None:
        """Note what came out of ``next``."""
        index = self._index
        if holds:
            self._high = index
        elif self._largest_tried:
            self._low = index + 1
        else:
            self._low = self._high
        self._largest_tried = True
