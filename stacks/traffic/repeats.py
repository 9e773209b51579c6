"""Requests that ask again what an earlier one has asked, word for word.

Only such a request can be answered from a gateway's exact cache, so its hit share follows from the repetition that the traffic states.
Which one is repeated is drawn uniformly from the last ``_REMEMBERED`` of the same part of the mix: an assumption.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

    from stacks.environment import Traffic
    from stacks.traffic.request import PlannedRequest

_REMEMBERED: Final = 100


class Repeats:
    """Makes requests repeat earlier ones of their part of the mix; give it the requests of a run in their order."""

    def __init__(self, traffic: Traffic, random: Random) -> None:
        self._shares: dict[tuple[str, ...], float] = {
            (part.wire, part.route, part.asks, part.tenant): part.repeats for part in traffic.mix if part.repeats
        }
        self._random = random
        self._earlier: dict[tuple[str, ...], deque[PlannedRequest]] = defaultdict(lambda: deque(maxlen=_REMEMBERED))

    def of(self, request: PlannedRequest) -> PlannedRequest:
        """Return ``request``, or one at its time that says what an earlier one has said."""
        part = (request.wire, request.route, request.asks, request.tenant)
        if not (share := self._shares.get(part)):
            return request
        earlier = self._earlier[part]
        if earlier and self._random.random() < share:
            said = self._random.choice(earlier)
            return replace(said, index=request.index, at_s=request.at_s)
        first = replace(request, text=request.index)
        earlier.append(first)
        return first
