"""One request sent elsewhere, and everything else as it was: what would have become of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulations.routing.policies import Policy
    from simulations.serving.port import EngineRequest
    from simulations.world import Replica


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a request went; ``outstanding`` are the requests that each replica had then."""

    at_s: float
    chosen: str
    outstanding: Mapping[str, int]


class Elsewhere:
    """Routes as ``policy`` does, but sends request ``number`` (in order of arrival at the engines, from 0) to ``replica``.

    Without ``replica`` it only looks. ``decision`` is what ``policy`` did with that request, None until then.
    """

    def __init__(self, policy: Policy, number: int, replica: str | None = None) -> None:
        self.decision: Decision | None = None
        self._policy = policy
        self._left = number
        self._replica = replica

    def choose(self, request: EngineRequest, replicas: Sequence[Replica], now_s: float) -> Replica:
        """Return the replica for ``request``; the policy is asked in any case, so that what follows is as it would have been."""
        chosen = self._policy.choose(request, replicas, now_s)
        self._left -= 1
        if self._left != -1:
            return chosen
        outstanding = {replica.name: replica.engine.outstanding() for replica in replicas}
        self.decision = Decision(request.at_s, chosen.name, outstanding)
        return next((replica for replica in replicas if replica.name == self._replica), chosen)
