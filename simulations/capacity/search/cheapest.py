"""The cheapest configuration that keeps the thresholds, with as few and as short simulations as that takes.

Rule 1: what a bound settles is not simulated: engines that the rate keeps busy for more than all their time, requests that are too slow
even alone, and what costs more than something that holds.
Rule 2: more replicas of the same kind never make a threshold worse, so in each family (slots, GPU model, GPUs of an engine) their number is
found by halving.
Rule 3: the first run of a configuration is a short one: the first replication of the full one, so that all share their random numbers. One
that is near a limit is run in full, and so is the cheapest that holds and every member of the front (successive halving: Jamieson and
Talwalkar, AISTATS 2016).
Rule 4: the cheapest families are searched side by side, :data:`TOGETHER` at a time, so that a sweep has something to share out. How many
there are does not depend on who runs them, and neither does the result.
Rule 5: the front wants to know what more money buys, so the cheapest configurations above the best are simulated, too.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from simulations.capacity.search.result import Search, Tried, front
from simulations.capacity.search.spot import SHARES, Spread, on_spot
from simulations.capacity.thresholds import is_near, judge

if TYPE_CHECKING:
    from simulations.capacity.search.configuration import Configuration
    from simulations.capacity.search.result import OnSpot
    from simulations.whatif.results import ScenarioResult
    from stacks.environment.thresholds import Threshold

#: Families that are searched side by side.
TOGETHER: Final = 8

_IMPOSSIBLE: Final = "no such machine, no room in the pool, or over the budget"
_COST: Final = "cost more than one that holds, or have no room in the pool"
_FEWER: Final = "fewer replicas than one that misses"
_SPOT: Final = "spot nodes: by the share of the time that they are there"


@dataclass(frozen=True, slots=True)
class Ask:
    """What a search may ask about a configuration.

    ``price``: its monthly cost in USD, or None if it is not possible; it rises with the replicas. ``bound``: why it cannot hold, or None;
    what rules out a number of replicas rules out fewer. ``run``: the results of some, in their order; the flag asks for all replications.
    ``spread``: where its replicas are, for the risk of spot nodes; None: spot nodes are not considered.
    """

    price: Callable[[Configuration], float | None]
    run: Callable[[Sequence[Configuration], bool], Sequence[ScenarioResult]]
    bound: Callable[[Configuration], str | None] = lambda _: None
    spread: Callable[[Configuration], Spread] | None = None


def cheapest(families: Sequence[Sequence[Configuration]], ask: Ask, thresholds: Sequence[Threshold], *, above: int = 0) -> Search:
    """Search ``families``, each of which is in order of replicas.

    ``above`` is how many configurations that cost more than the best are simulated for the front.
    """
    searching = _Searching(ask, thresholds, [_Family(members, ask) for members in families])
    best = searching.cheapest(0.0)
    if best is not None and above:
        searching.extend(best, above)
        searching.confirm_front()
    spot = searching.with_spot(best) if ask.spread is not None else ()
    space = sum(map(len, families)) * (1 + len(SHARES) * (ask.spread is not None))
    tried = tuple(searching.tried.values())
    return Search(best, tried, space, searching.settled(space), spot)


class _Family:
    """Configurations that differ in their replicas only; bounds rule out those before ``low``, and ``why`` says which."""

    def __init__(self, members: Sequence[Configuration], ask: Ask) -> None:
        self.members, self._ask = members, ask
        self.why = [reason for one in members if (reason := ask.bound(one)) is not None]
        self.low = len(self.why)
        self._prices: dict[Configuration, float | None] = {}

    def price(self, index: int, spot: float = 0.0) -> float | None:
        """Return the cost of a member with a share of spot nodes."""
        one = replace(self.members[index], spot=spot)
        if one not in self._prices:
            self._prices[one] = self._ask.price(one)
        return self._prices[one]

    def below(self, usd: float | None, spot: float = 0.0) -> int:
        """Return how many members are possible and cost less than ``usd`` (None: anything)."""

        def too_dear(index: int) -> int:
            cost = self.price(index, spot)
            return int(cost is None or (usd is not None and cost >= usd))

        # Most families are too dear from their first member on.
        if self.low < len(self.members) and too_dear(self.low):
            return self.low
        return bisect_left(range(len(self.members)), 1, lo=self.low, key=too_dear)


class _Searching:
    """The configurations that were simulated, each by its last run."""

    def __init__(self, ask: Ask, thresholds: Sequence[Threshold], families: Sequence[_Family]) -> None:
        self.tried: dict[Configuration, Tried] = {}
        self._ask, self._thresholds, self._families = ask, thresholds, families

    def cheapest(self, spot: float) -> Tried | None:
        """Find the cheapest that holds where this share of the nodes is bought as spot, as if all of them were there."""
        while True:
            best = self._best(spot)
            limit = None if best is None else best[0]
            asked = [one for family in self._families if (one := self._next(family, limit, spot)) is not None]
            if asked:
                asked.sort(key=lambda item: (item[0], item[1].scenario))
                self._run([one for _, one in asked[:TOGETHER]])
            elif best is None or best[1].full:
                return None if best is None else best[1]
            else:
                self._run([best[1].configuration], full=True)

    def extend(self, best: Tried, above: int) -> None:
        """Simulate the cheapest configurations above the best."""
        dearer = [
            (price, one)
            for family in self._families
            for index in range(family.low, family.below(None))
            if (one := family.members[index]) not in self.tried and (price := family.price(index) or 0.0) > best.monthly_usd
        ]
        self._run([one for _, one in sorted(dearer, key=lambda item: (item[0], item[1].scenario))[:above]])

    def confirm_front(self) -> None:
        """Simulate in full what the front rests on."""
        while short := [one.configuration for one in front(self.tried.values()) if not one.full]:
            self._run(short, full=True)

    def with_spot(self, best: Tried | None) -> tuple[OnSpot, ...]:
        """Return what spot nodes would save and risk."""
        assert self._ask.spread is not None, "asked for only with a spread"
        self.cheapest(SHARES[-1])
        while True:
            options = [option for family in self._families for option in self._options(family, best)]
            found = on_spot(options, self._ask.spread)
            needed = [replace(one.configuration, replicas=one.needed, spot=0.0) for one in found]
            short = [one for one in dict.fromkeys(needed) if not self.tried[one].full]
            if not short:
                return found
            self._run(short, full=True)

    def settled(self, space: int) -> dict[str, int]:
        """Return how many configurations were not simulated, by the reason."""
        counts: dict[str, int] = {}
        for family in self._families:
            missed, _ = self._known(family)
            for index, one in enumerate(family.members):
                if one in self.tried:
                    continue
                impossible = family.low < len(family.members) and family.price(family.low) is None
                why = family.why[index] if index < family.low else _IMPOSSIBLE if impossible else _FEWER if index < missed else _COST
                counts[why] = counts.get(why, 0) + 1
        by_spot = space - sum(len(family.members) for family in self._families)
        return counts | ({_SPOT: by_spot} if by_spot else {})

    def _known(self, family: _Family) -> tuple[int, int | None]:
        """Return how many of the first members are known to miss, and the index of the first that is known to hold."""
        known = [(index, self.tried[one].holds) for index, one in enumerate(family.members) if one in self.tried]
        missed = max((index + 1 for index, holds in known if not holds), default=family.low)
        return missed, min((index for index, holds in known if holds and index >= missed), default=None)

    def _next(self, family: _Family, limit: float | None, spot: float) -> tuple[float, Configuration] | None:
        """Return the price of the smallest open member, and which to try: the largest first, for if that misses all do."""
        low, holding = self._known(family)
        high = family.below(limit, spot) if low < len(family.members) else low
        if holding is not None and holding <= high:
            high, largest_tried = holding, True
        else:
            largest_tried = False
        if low >= high:
            return None
        return family.price(low, spot) or 0.0, family.members[(low + high) // 2 if largest_tried else high - 1]

    def _best(self, spot: float) -> tuple[float, Tried] | None:
        """Return the cheapest that holds, as far as is known."""
        found = []
        for family in self._families:
            _, holding = self._known(family)
            if holding is not None and (price := family.price(holding, spot)) is not None:
                found.append((price, self.tried[family.members[holding]]))
        return min(found, key=lambda item: (item[0], item[1].use, item[1].configuration.scenario), default=None)

    def _options(self, family: _Family, best: Tried | None) -> Iterable[tuple[Configuration, float, int]]:
        """Yield the members with spot nodes that cost less than the best, with their price and how many replicas must be there."""
        _, holding = self._known(family)
        for share in SHARES if holding is not None else ():
            assert holding is not None
            for index in range(holding, family.below(best.monthly_usd if best else None, share)):
                yield replace(family.members[index], spot=share), family.price(index, share) or 0.0, family.members[holding].replicas

    def _run(self, some: Sequence[Configuration], *, full: bool = False) -> None:
        """Simulate ``some``, and in full those that a short run does not decide."""
        if not some:
            return
        for one, result in zip(some, self._ask.run(some, full), strict=True):
            self.tried[one] = Tried(one, result.cost.monthly_usd, judge(result, self._thresholds), full)
        if not full:
            self._run([one for one in some if is_near(self.tried[one].judged)], full=True)
