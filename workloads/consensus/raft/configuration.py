"""Who votes and who only listens; majorities, also of two configurations at once (thesis, section 4.3)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Configuration:
    """Members of a group.

    Args:
        voters: whose majority decides.
        outgoing: the voters before, while a change is under way: a decision then needs both majorities. Empty otherwise.
        learners: receive the log without a vote, to catch up before they get one (thesis, section 4.2.1).
    """

    voters: frozenset[str]
    outgoing: frozenset[str] = frozenset()
    learners: frozenset[str] = frozenset()

    @property
    def is_joint(self) -> bool:
        """Whether two majorities are needed now."""
        return bool(self.outgoing)

    @property
    def electors(self) -> frozenset[str]:
        """All whose vote counts in one of the majorities."""
        return self.voters | self.outgoing

    @property
    def members(self) -> frozenset[str]:
        """All who receive the log."""
        return self.voters | self.outgoing | self.learners

    def has_quorum(self, agreed: Collection[str]) -> bool:
        """Whether ``agreed`` holds a majority of the voters, and of the outgoing ones if there are any."""
        return all(len(half.intersection(agreed)) > len(half) // 2 for half in self._halves())

    def reached(self, value_of: Callable[[str], int]) -> int:
        """Return the highest value that a quorum has reached, as ``value_of`` tells it of each elector."""
        return min(sorted(map(value_of, half), reverse=True)[len(half) // 2] for half in self._halves())

    def _halves(self) -> tuple[frozenset[str], ...]:
        return (self.voters, self.outgoing) if self.outgoing else (self.voters,)
