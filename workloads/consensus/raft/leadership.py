"""State of a leader: its followers, heartbeat rounds and the reads that they confirm, and the lease."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from workloads.consensus.raft.configuration import Configuration
from workloads.consensus.raft.progress import Progress


class Leadership:
    """One term of a leader.

    Attributes:
        first_index: its no-op; once that is committed, the leader knows all that was committed before (thesis, 6.4).
        transferee: the member to which leadership is being transferred.
        told_to_stand: whether TimeoutNow was sent to the transferee.
        handed_over: whether a TimeoutNow was ever sent in this term, which invalidates the lease.
        waiting: reads that wait for the no-op: (requester, context).
    """

    def __init__(self, me: str, first_index: int, window: int) -> None:
        self._me = me
        self._window = window
        self.first_index = first_index
        self.followers: dict[str, Progress] = {}
        self.round = 0
        self.transferee: str | None = None
        self.transfer_since_tick = 0
        self.told_to_stand = False
        self.handed_over = False
        self.waiting: list[tuple[str, int]] = []
        self.uncommitted_bytes = 0
        self.lease_from_tick: int | None = None
        self._rounds: deque[tuple[int, int]] = deque()  # (round, tick of its sending)
        self._reads: deque[tuple[int, str, int, int]] = deque()  # (round, requester, context, index)

    def follow(self, members: Iterable[str], following: int) -> None:
        """Keep a progress for exactly ``members``."""
        wanted = set(members) - {self._me}
        for gone in self.followers.keys() - wanted:
            del self.followers[gone]
        for new in sorted(wanted - self.followers.keys()):
            self.followers[new] = Progress(following, self._window)

    def new_round(self, tick: int) -> int:
        """Number the next heartbeats."""
        self.round += 1
        self._rounds.append((self.round, tick))
        return self.round

    def read(self, who: str, context: int, index: int) -> None:
        """Record a read for the next round to confirm: the followers must respond after the read was requested."""
        self._reads.append((self.round + 1, who, context, index))

    def confirmed_reads(self, configuration: Configuration) -> list[tuple[str, int, int]]:
        """Renew the lease by the rounds a quorum has answered; return the reads they confirm: (who asked, context, index)."""
        confirmed = configuration.reached(lambda voter: self.round if voter == self._me else self._answered(voter))
        while self._rounds and self._rounds[0][0] <= confirmed:
            _, self.lease_from_tick = self._rounds.popleft()
        reads = []
        while self._reads and self._reads[0][0] <= confirmed:
            reads.append(self._reads.popleft()[1:])
        return reads

    def has_active_quorum(self, configuration: Configuration) -> bool:
        """Return whether a quorum was heard since the last check, and start a new interval (CheckQuorum, thesis 6.2)."""
        active = {self._me, *(who for who, progress in self.followers.items() if progress.active)}
        for progress in self.followers.values():
            progress.active = False
        return configuration.has_quorum(active)

    def _answered(self, voter: str) -> int:
        progress = self.followers.get(voter)
        return progress.round if progress else 0
