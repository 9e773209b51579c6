"""Which replica takes the next request: they take turns, as the targets of the load test do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


class RoundRobin:
    """Hands out ``replicas`` in turn, leaving out those that are away. It never sees how long an answer will be."""

    def __init__(self, replicas: Sequence[str]) -> None:
        self._replicas = replicas
        self._turn = 0

    def choose(self, away: Collection[str] = ()) -> str | None:
        """Return the replica whose turn it is; None where all are ``away``."""
        for _ in self._replicas:
            replica = self._replicas[self._turn % len(self._replicas)]
            self._turn += 1
            if replica not in away:
                return replica
        return None
