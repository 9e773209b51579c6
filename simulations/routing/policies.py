"""Routing policies: which of the replicas that are there takes the next request.

Rule 1: a policy knows what a router can know: the prompt, its own counts, and metrics of the engines that were scraped a while ago. How
long an answer will be, it does not know.
Rule 2: ties are broken by the order of the replicas, so that a run can be repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from simulations.routing.prefix_index import PrefixIndex

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from simulations.serving.port import EngineRequest
    from simulations.world import Replica

#: Seconds between two scrapes of the engines' metrics (llm-d's endpoint picker: 50 ms).
SCRAPE_S: Final = 0.05


class Policy(Protocol):
    """Chooses replicas."""

    def choose(self, request: EngineRequest, replicas: Sequence[Replica], now_s: float) -> Replica:
        """Return one of ``replicas``, at least one, for ``request``."""


class RoundRobin:
    """Takes the replicas in turn."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._next = 0

    def choose(self, request: EngineRequest, replicas: Sequence[Replica], now_s: float) -> Replica:  # noqa: ARG002  # it looks at neither
        """Return the next one after the last, in the order in which they were first seen."""
        places = self._places
        for replica in replicas:
            places.setdefault(replica.name, len(places))
        number, following = len(places), self._next
        chosen = min(replicas, key=lambda replica: (places[replica.name] - following) % number)
        self._next = places[chosen.name] + 1
        return chosen


class LeastOutstanding:
    """Takes the replica with the fewest requests in flight, as the router itself counts them."""

    def choose(self, request: EngineRequest, replicas: Sequence[Replica], now_s: float) -> Replica:  # noqa: ARG002  # it looks at neither
        """Return the first of those with the fewest."""
        return min(replicas, key=lambda replica: replica.engine.outstanding())


class PowerOfTwo:
    """Takes the less busy of two that are drawn at random (Mitzenmacher, IEEE TPDS 12 (2001) 1094)."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def choose(self, request: EngineRequest, replicas: Sequence[Replica], now_s: float) -> Replica:  # noqa: ARG002  # it looks at neither
        """Return one of two; the only one if there are no two."""
        if len(replicas) == 1:
            return replicas[0]
        return min(self._random.sample(replicas, 2), key=lambda replica: replica.engine.outstanding())


class PrefixAffinity:
    """Weighs what a replica probably has of the prompt against how busy it was at the last scrape.

    The score of a replica is ``prefix_weight`` x the share of the prompt's blocks that it should have, plus 1 - its requests in flight over
    those of the busiest. ``blocks`` is how many hashes the router remembers for each replica, least recently used first out. (llm-d's
    endpoint picker scores in this way; the weight of 2 is its default.)
    """

    def __init__(self, blocks: int, *, prefix_weight: float = 2.0, scrape_s: float = SCRAPE_S) -> None:
        self._blocks = blocks
        self._prefix_weight = prefix_weight
        self._scrape_s = scrape_s
        self._indexes: dict[str, PrefixIndex] = {}
        self._metrics: dict[str, int] = {}
        self._scraped_s = -scrape_s

    def choose(self, request: EngineRequest, replicas: Sequence[Replica], now_s: float) -> Replica:
        """Return the first of those with the highest score, and remember that it now has the prompt."""
        if now_s >= self._scraped_s + self._scrape_s:
            self._scraped_s = now_s
            self._metrics = {replica.name: replica.engine.outstanding() for replica in replicas}
        busiest = max(1, *self._metrics.values())
        hashes = request.prefix

        def score(replica: Replica) -> float:
            index = self._indexes.get(replica.name)
            share = index.known(hashes) / len(hashes) if index and hashes else 0.0
            return self._prefix_weight * share + 1 - self._metrics.get(replica.name, 0) / busiest

        chosen = max(replicas, key=score)
        self._indexes.setdefault(chosen.name, PrefixIndex(self._blocks)).use(hashes)
        return chosen
